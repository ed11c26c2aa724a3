#include "fw_samples.h"

#include <string.h>

void fw_samples_begin(fw_samples *samples, uint32_t clock_ms) {
    uint8_t at;
    memset(samples->previous, 0, sizeof samples->previous);
    samples->time = clock_ms;
    for (at = 0; at < 4; at++) {
        samples->body[at] = (uint8_t)clock_ms;
        clock_ms >>= 8;
    }
    samples->size = 4;
}

bool fw_samples_add(fw_samples *samples, uint8_t metric, uint32_t time_ms, const int32_t *value) {
    const uint32_t dt = time_ms - samples->time;
    const uint32_t difference = value ? (uint32_t)*value - (uint32_t)samples->previous[metric] : 0;
    uint8_t record[FW_RECORD_MAX];
    uint8_t size = 1;
    uint8_t bytes = 0;
    if (dt > 0xFFFF) {
        return false;
    }
    record[0] = metric;
    if (dt != 0) {
        record[0] = (uint8_t)(record[0] | 0x80);
        record[size++] = (uint8_t)dt;
        record[size++] = (uint8_t)(dt >> 8);
    }
    if (value) {
        /* Shifted by half the range, a difference that fits is below the range. */
        bytes = difference + 0x80u < 0x100u ? 1 : difference + 0x8000u < 0x10000u ? 2 : 4;
        record[0] = (uint8_t)(record[0] | (bytes == 1 ? 0x20 : bytes == 2 ? 0x40 : 0x60));
    }
    if (bytes + size > FW_SAMPLES_MAX - samples->size) {
        return false;
    }
    if (value) {
        uint32_t rest = difference;
        samples->previous[metric] = *value;
        while (bytes--) {
            record[size++] = (uint8_t)rest;
            rest >>= 8;
        }
    }
    memcpy(samples->body + samples->size, record, size);
    samples->size = (uint8_t)(samples->size + size);
    samples->time = time_ms;
    return true;
}
