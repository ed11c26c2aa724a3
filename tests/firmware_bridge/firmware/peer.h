/* The other end of the link in tests: says frames to it, reads what it says. */
#ifndef PEER_H
#define PEER_H

#include "check.h"
#include "fw_link.h"

enum { HELLO = 1, METRIC, SAMPLES_, RUN_, EVENT, RESULT, PONG, WHO = 0x41, WELCOME, DESCRIBE, EVENT_ACK, COMMAND, PING };

typedef struct {
    uint8_t type, seq, size;
    uint8_t body[FW_BODY_MAX];
    int lead; /* zeros before it */
} heard;

static uint8_t peer_seq;

static void say_raw(fw_link *link, const uint8_t *wire, unsigned size, uint32_t now) {
    while (size--) {
        fw_link_receive(link, *wire++, now);
    }
}

static void say(fw_link *link, uint8_t type, const void *body, uint8_t size, uint32_t now) {
    uint8_t wire[FW_WIRE_MAX];
    wire[1] = type;
    wire[2] = peer_seq++;
    memcpy(wire + 3, body, size);
    say_raw(link, wire, fw_frame_encode(wire, (uint8_t)(size + 2)), now);
}

static void say1(fw_link *link, uint8_t type, uint8_t byte, uint32_t now) { say(link, type, &byte, 1, now); }

/* The next frame, or type 0. */
static heard hear(fw_link *link) {
    uint8_t wire[FW_WIRE_MAX + 1];
    unsigned size = 0;
    heard out = {0};
    int16_t next;
    while ((next = fw_link_next_byte(link)) >= 0) {
        if (next != 0) {
            CHECK(size < FW_WIRE_MAX - 1);
            wire[size++] = (uint8_t)next;
        } else if (size == 0) {
            out.lead++;
        } else {
            const uint8_t raw = fw_frame_decode(wire, (uint8_t)size);
            CHECK(raw >= 2);
            out.type = wire[1];
            out.seq = wire[2];
            out.size = (uint8_t)(raw - 2);
            memcpy(out.body, wire + 3, out.size);
            return out;
        }
    }
    CHECK(size == 0);
    return out;
}

static unsigned hear_wire(fw_link *link, uint8_t *wire) {
    unsigned size = 0;
    int16_t next;
    do {
        next = fw_link_next_byte(link);
        CHECK(next >= 0);
        CHECK(size <= FW_WIRE_MAX);
        wire[size++] = (uint8_t)next;
    } while (next != 0 || size == 1);
    return size;
}

static uint32_t u32_at(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

#endif
