/* An Arduino Uno on simavr's ATmega328P: a hex file in its flash (the boot loader), its serial line on a pseudo
 * terminal, and the reset that a real Uno gets when its port is opened (DTR through a capacitor).
 *
 *   uno_board BOOTLOADER.hex LINK FLASH.bin
 *
 * The chip starts where BOOTLOADER.hex begins: a firmware in its place starts at 0, as after a programmer. LINK becomes a
 * symbolic link to the terminal. FLASH.bin is the flash, mapped into memory: SIGKILL is the power cut, and what was
 * written until then is there at the next start. SIGTERM ends it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <simavr/avr_adc.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_hex.h>
#include <simavr/sim_io.h>
#include <simavr/sim_regbit.h>

#define HZ 16000000UL
#define FLASH_SIZE 32768u
#define SLICE_US 1000 /* processor time between looks at the line and at the clock */

static volatile sig_atomic_t ended;
static int line;
static bool may_send = true;
static avr_irq_t *uart_in;

static void end(int signal) {
    (void)signal;
    ended = 1;
}

static void from_chip(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq, (void)param;
    const uint8_t byte = (uint8_t)value;
    if (write(line, &byte, 1) < 0 && errno != EAGAIN && errno != EIO) {
        perror("line");
    }
}

static void on_xon(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq, (void)value, (void)param;
    may_send = true;
}

static void on_xoff(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq, (void)value, (void)param;
    may_send = false;
}

/* 0.75 V at A0 is 25 degrees of the TMP36, 1.65 V at A1 is an accelerometer at rest; the band gap measures the supply. */
static void feed_adc(avr_t *avr) {
    avr->vcc = avr->avcc = avr->aref = 5000;
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0), 750);
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC1), 1650);
}

static void press_reset(avr_t *avr) {
    avr_reset(avr);
    avr_regbit_set(avr, avr->reset_flags.extrf);
    may_send = true;
    feed_adc(avr);
}

static uint64_t clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* As fast as the line would: bytes wait in the terminal until the chip has room. */
static void to_chip(void) {
    uint8_t byte;
    while (may_send && read(line, &byte, 1) == 1) {
        avr_raise_irq(uart_in, byte);
    }
}

static uint8_t *mapped(const char *path) {
    const int file = open(path, O_RDWR | O_CREAT, 0600);
    struct { uint8_t bytes[FLASH_SIZE]; } erased;
    memset(&erased, 0xFF, sizeof erased);
    if (file < 0 || (lseek(file, 0, SEEK_END) == 0 && write(file, &erased, sizeof erased) != (ssize_t)sizeof erased)) {
        perror(path);
        exit(1);
    }
    uint8_t *flash = mmap(NULL, FLASH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return flash;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        return 2;
    }
    signal(SIGTERM, end);
    avr_t *avr = avr_make_mcu_by_name("atmega328p");
    avr_init(avr);
    avr->frequency = HZ;
    avr->log = LOG_ERROR;
    uint8_t *flash = mapped(argv[3]);
    free(avr->flash);
    avr->flash = flash;
    uint32_t size, at;
    uint8_t *loader = read_ihex_file(argv[1], &size, &at);
    if (loader == NULL) {
        return 1;
    }
    memcpy(flash + at, loader, size);
    avr->reset_pc = avr->pc = at;
    avr->codeend = FLASH_SIZE - 1;

    uint32_t flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    uart_in = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), from_chip, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XON), on_xon, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XOFF), on_xoff, NULL);

    int slave;
    struct termios raw;
    cfmakeraw(&raw);
    raw.c_cflag |= CS8 | CREAD;
    if (openpty(&line, &slave, NULL, &raw, NULL) < 0) {
        perror("openpty");
        return 1;
    }
    fcntl(line, F_SETFL, O_NONBLOCK);
    unlink(argv[2]);
    if (symlink(ttyname(slave), argv[2]) < 0) {
        perror(argv[2]);
        return 1;
    }
    close(slave);
    puts("ready");
    fflush(stdout);

    press_reset(avr);
    bool was_open = false;
    uint64_t began_us = clock_us();
    avr_cycle_count_t began = avr->cycle;
    while (!ended) {
        struct pollfd state = {line, POLLIN, 0};
        poll(&state, 1, 0);
        const bool is_open = (state.revents & POLLHUP) == 0;
        if (is_open && !was_open) {
            press_reset(avr); /* what DTR does */
        }
        was_open = is_open;
        if (is_open) {
            to_chip();
        }
        const avr_cycle_count_t until = avr->cycle + HZ / 1000000 * SLICE_US / 10;
        while (avr->cycle < until) {
            const int did = avr_run(avr);
            if (did == cpu_Done || did == cpu_Crashed) {
                fprintf(stderr, "the processor stopped at %x\n", avr->pc);
                return 3;
            }
        }
        /* Never faster than the real one; after being starved it does not race to catch up. */
        const int64_t ahead_us = (int64_t)((avr->cycle - began) / (HZ / 1000000)) - (int64_t)(clock_us() - began_us);
        if (ahead_us > SLICE_US) {
            usleep((useconds_t)ahead_us);
        } else if (ahead_us < -20000) {
            began = avr->cycle;
            began_us = clock_us();
        }
    }
    msync(flash, FLASH_SIZE, MS_SYNC);
    unlink(argv[2]);
    return 0;
}
