/* Frames: type, seq, body, CRC; made free of zeros (COBS) and ended by one. In place, without a second buffer. */
#ifndef FW_FRAME_H
#define FW_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FW_RAW_MIN 4   /* type, seq, CRC */
#define FW_BODY_MAX 120
#define FW_WIRE_MAX (FW_BODY_MAX + FW_RAW_MIN + 2)

/* CRC-16/IBM-3740, continued from `crc` (0xFFFF to begin with). */
uint16_t fw_crc16(uint16_t crc, uint8_t byte);

/* Text or bytes into the CRC. */
uint16_t fw_crc16_of(const uint8_t *data, uint8_t size);

/* `data[1..size]` becomes COBS in `data[0..size]`. */
void fw_cobs_encode(uint8_t *data, uint8_t size);

/* COBS in `data[0..size - 1]` becomes plain in `data[1..size - 1]`. False: not COBS. */
bool fw_cobs_decode(uint8_t *data, uint8_t size);

/* `frame[1..size]` is raw without its CRC: adds it, encodes, adds the delimiter. Returns the length on the wire,
   size + 4; the array must have that much room. */
uint8_t fw_frame_encode(uint8_t *frame, uint8_t size);

/* `wire` without its delimiter becomes raw in `wire[1..]`. Returns the length of raw less its CRC (type, seq, body),
   or 0 if COBS, length or CRC are wrong. */
uint8_t fw_frame_decode(uint8_t *wire, uint8_t size);

#ifdef __cplusplus
}
#endif
#endif
