#include "fw_frame.h"

uint16_t fw_crc16(uint16_t crc, uint8_t byte) {
    /* The polynomial 0x1021 by shifts of a whole byte: no table, eight times fewer steps than bit by bit. */
    uint8_t mixed = (uint8_t)((crc >> 8) ^ byte);
    mixed = (uint8_t)(mixed ^ (mixed >> 4));
    return (uint16_t)((uint16_t)(crc << 8) ^ (uint16_t)((uint16_t)mixed << 12) ^ (uint16_t)((uint16_t)mixed << 5) ^
                      mixed);
}

uint16_t fw_crc16_of(const uint8_t *data, uint8_t size) {
    uint16_t crc = 0xFFFF;
    while (size--) {
        crc = fw_crc16(crc, *data++);
    }
    return crc;
}

void fw_cobs_encode(uint8_t *data, uint8_t size) {
    uint8_t code = 0; /* where the length of the current run will be written */
    uint8_t at;
    for (at = 1; at <= size; at++) {
        if (data[at] == 0) {
            data[code] = (uint8_t)(at - code);
            code = at;
        }
    }
    data[code] = (uint8_t)(at - code);
}

bool fw_cobs_decode(uint8_t *data, uint8_t size) {
    uint8_t at = 0;
    while (at < size) {
        const uint8_t run = data[at];
        if (run == 0 || run > (uint8_t)(size - at)) {
            return false;
        }
        data[at] = 0;
        at = (uint8_t)(at + run);
    }
    return size != 0;
}

uint8_t fw_frame_encode(uint8_t *frame, uint8_t size) {
    const uint16_t crc = fw_crc16_of(frame + 1, size);
    frame[++size] = (uint8_t)(crc >> 8);
    frame[++size] = (uint8_t)crc;
    fw_cobs_encode(frame, size);
    frame[++size] = 0;
    return (uint8_t)(size + 1);
}

uint8_t fw_frame_decode(uint8_t *wire, uint8_t size) {
    if (size < FW_RAW_MIN + 1 || !fw_cobs_decode(wire, size)) {
        return 0;
    }
    /* The CRC over a frame and its own CRC is 0. */
    return fw_crc16_of(wire + 1, (uint8_t)(size - 1)) == 0 ? (uint8_t)(size - 3) : 0;
}
