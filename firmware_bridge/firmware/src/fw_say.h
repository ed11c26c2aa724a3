/* Inside the library: what fw_link.c (hearing), fw_say.c (saying) and fw_run.c (waveforms) share. */
#ifndef FW_SAY_H
#define FW_SAY_H

#include "fw_link.h"

enum { FW_LISTENING, FW_RUNNING };

enum {
    FW_HELLO = 0x01,
    FW_METRIC = 0x02,
    FW_SAMPLES = 0x03,
    FW_RUN = 0x04,
    FW_EVENT = 0x05,
    FW_RESULT = 0x06,
    FW_PONG = 0x07,
    FW_WHO = 0x41,
    FW_WELCOME = 0x42,
    FW_DESCRIBE = 0x43,
    FW_EVENT_ACK = 0x44,
    FW_COMMAND = 0x45,
    FW_PING = 0x46
};

enum { FW_DUE_HELLO = 1, FW_DUE_RESULT = 2, FW_DUE_PONG = 4, FW_DUE_METRIC = 8 };

/* Milliseconds since the low half of the clock was `then_ms`; timers are looked at more often than it wraps (65 s). */
uint16_t fw_since(const fw_link *link, uint16_t then_ms);

/* put_* write at `at` and return the place after it. */
uint8_t *fw_put_u8(uint8_t *at, uint8_t value);
uint8_t *fw_put_u16(uint8_t *at, uint16_t value);
uint8_t *fw_put_u32(uint8_t *at, uint32_t value);
uint8_t *fw_put_metric(uint8_t *at, const fw_about *about, uint8_t id);

uint8_t *fw_begin_frame(fw_link *link, uint8_t type);
void fw_end_frame(fw_link *link, const uint8_t *end);

void fw_drop_first_event(fw_link *link);

#endif
