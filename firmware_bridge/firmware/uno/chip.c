/* Clock, relay, watchdog and the reasons of resets. With FW_EMULATED a reset is a jump to 0, for want of a watchdog. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/wdt.h>

#include "board.h"
#include "fw_crash.h"

#define RELAY PD4

const char *volatile board_doing = "start";

static fw_crash crash FW_KEPT;
static uint8_t flags FW_KEPT; /* MCUSR of this start: the start-up code below comes before .bss is cleared */
static uint8_t reset_reason;
static bool relay_on;

/* The watchdog stays on over the reset it caused, at its shortest time: off before anything takes long. */
void chip_first(void) __attribute__((naked, used, section(".init3")));
void chip_first(void) {
    flags = MCUSR;
    MCUSR = 0;
    wdt_disable();
}

static uint8_t why(void) {
    const uint8_t noted = fw_crash_take(&crash);
#ifdef FW_EMULATED
    return noted; /* MCUSR always reads 0 there */
#else
    if (flags & _BV(PORF)) {
        return FW_RESET_POWER_ON;
    }
    if (flags & _BV(BORF)) {
        return FW_RESET_BROWN_OUT;
    }
    if (flags & _BV(WDRF)) {
        return noted == FW_RESET_UNKNOWN ? FW_RESET_WATCHDOG : noted;
    }
    return flags & _BV(EXTRF) ? FW_RESET_EXTERNAL : FW_RESET_UNKNOWN;
#endif
}

void board_start(void) {
    reset_reason = why();
    DDRD |= _BV(RELAY);
    /* Timer 1 runs freely over its 16 bits, 16 us a tick: mode 14 with the highest top. */
    TCNT1 = 0;
    ICR1 = 0xFFFF;
    TCCR1A = _BV(WGM11);
    TCCR1B = _BV(WGM13) | _BV(WGM12) | _BV(CS12);
    /* After 1 s without food an interrupt that notes what hung; it restarts. */
    cli();
    wdt_reset();
    WDTCSR = _BV(WDCE) | _BV(WDE);
    WDTCSR = _BV(WDIE) | _BV(WDE) | _BV(WDP2) | _BV(WDP1);
    sei();
}

uint8_t board_reset(void) { return reset_reason; }

const void *board_crash(void) { return &crash; }

uint32_t board_clock_ms(void) {
    static uint32_t ms;
    static uint16_t last, rest; /* 62.5 ticks make a millisecond: counted in halves */
    const uint16_t now = TCNT1;
    uint32_t halves = (uint32_t)(uint16_t)(now - last) * 2 + rest;
    last = now;
    while (halves >= 125) {
        halves -= 125;
        ms++;
    }
    rest = (uint16_t)halves;
    return ms;
}

void board_feed(void) { wdt_reset(); }

void board_relay(bool on) {
    relay_on = on;
    if (on) {
        PORTD |= _BV(RELAY);
    } else {
        PORTD &= (uint8_t)~_BV(RELAY);
    }
}

bool board_relay_is_on(void) { return relay_on; }

void board_restart(uint8_t reset, int32_t line, const char *text) {
    cli();
    fw_crash_note(&crash, reset, line, text);
#ifdef FW_EMULATED
    UCSR0B = 0;
    __asm__ volatile("jmp 0");
#else
    wdt_enable(WDTO_15MS);
#endif
    for (;;) {
    }
}

ISR(WDT_vect) { board_restart(FW_RESET_WATCHDOG, 0, board_doing); }

void board_hang(void) {
    board_doing = "fault";
#ifdef FW_EMULATED
    board_restart(FW_RESET_WATCHDOG, 0, board_doing);
#else
    for (;;) {
    }
#endif
}
