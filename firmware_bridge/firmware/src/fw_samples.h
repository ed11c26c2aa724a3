/* The body of a SAMPLES frame: differences to the values before them, in the narrowest width. */
#ifndef FW_SAMPLES_H
#define FW_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include "fw_config.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FW_RECORD_MAX 7 /* head, dt, i32 */

typedef struct {
    uint32_t time;                    /* of the last record */
    int32_t previous[FW_METRICS_MAX]; /* value in this frame, 0 before the first */
    uint8_t size;                     /* 0 = no frame begun */
    uint8_t body[FW_SAMPLES_MAX];
} fw_samples;

void fw_samples_begin(fw_samples *samples, uint32_t clock_ms);

/* Adds a record; `value` NULL: the sensor failed. False: it doesn't fit, or more than 65,535 ms after the last. */
bool fw_samples_add(fw_samples *samples, uint8_t metric, uint32_t time_ms, const int32_t *value);

#ifdef __cplusplus
}
#endif
#endif
