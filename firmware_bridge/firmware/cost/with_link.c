/* The same with the library: five metrics, two commands, samples, failures, events, notes of crashes (waveforms: -DWITH_RUN). */
#include <avr/interrupt.h>
#include <avr/io.h>

#include "fw_crash.h"
#include "fw_link.h"
#include "uart.h"

static const fw_metric METRICS[] FW_ROM = {
    {FW_GAUGE, 1, -2, 1000, -1000, 8000, "Cel", "temperature"},
    {FW_GAUGE, 1, -3, 100, FW_NO_LIMIT, 12000, "m/s2", "vibration_rms"},
    {FW_GAUGE, 1, -3, 1000, 4500, 5500, "V", "supply_voltage"},
    {FW_BOOLEAN, 1, 0, 0, FW_NO_LIMIT, FW_NO_LIMIT, "", "door_open"},
    {FW_BOOLEAN, 1, 0, 0, FW_NO_LIMIT, FW_NO_LIMIT, "", "relay_on"},
};

static uint8_t set_relay(fw_call *call) {
    PORTD = (uint8_t)call->args[0];
    return FW_ACK;
}

static const fw_command COMMANDS[] FW_ROM = {{"relay", set_relay}, {"fault", set_relay}};

static const fw_about ABOUT = {METRICS, COMMANDS, 5, 2, false, "uno", "1.0.0"};

static fw_link link;
static fw_crash crash FW_KEPT;

int main(void) {
    uint8_t byte;
    int16_t next;
    uart_start();
    sei();
    fw_link_start(&link, &ABOUT, fw_crash_take(&crash), TCNT1);
    fw_crash_tell(&crash, link.reset, &link, TCNT1);
    for (;;) {
        const uint16_t now = TCNT1;
        while (uart_received(&byte)) {
            fw_link_receive(&link, byte, now);
        }
        fw_link_tick(&link, now);
        fw_link_sample(&link, 0, (int16_t)ADC, now);
        fw_link_sample_failed(&link, 1, now);
        fw_link_event(&link, FW_EVENT_LOG, 0, "log", now);
#ifdef WITH_RUN
        fw_link_run(&link, 1, now, 1000, (const int16_t *)link.rx, 8);
#endif
        while (uart_has_room() && (next = fw_link_next_byte(&link)) >= 0) {
            uart_send((uint8_t)next);
        }
        if (PIND == 0) {
            fw_crash_note(&crash, FW_RESET_ASSERT, __LINE__, "with_link.c");
        }
    }
}
