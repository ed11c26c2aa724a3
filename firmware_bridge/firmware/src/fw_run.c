#include "fw_say.h"

bool fw_link_run(fw_link *link, uint8_t metric, uint32_t clock_ms, uint32_t step_us, const int16_t *values,
                 uint8_t count) {
    uint8_t width = 1;
    uint8_t n;
    uint8_t *at;
    if (link->tx_at != link->tx_end || link->state != FW_RUNNING || count == 0) {
        return false;
    }
    for (n = 1; n < count; n++) {
        const int32_t difference = (int32_t)values[n] - values[n - 1];
        if (difference < INT16_MIN || difference > INT16_MAX) {
            return false;
        }
        if (difference < INT8_MIN || difference > INT8_MAX) {
            width = 2;
        }
    }
    if (14 + width * (count - 1) > FW_TX_BODY) {
        return false;
    }
    at = fw_put_u8(fw_put_u8(fw_begin_frame(link, FW_RUN), metric), width);
    at = fw_put_u32(fw_put_u32(at, clock_ms), step_us);
    at = fw_put_u32(at, (uint32_t)(int32_t)values[0]);
    for (n = 1; n < count; n++) {
        const uint16_t difference = (uint16_t)(values[n] - values[n - 1]);
        at = width == 1 ? fw_put_u8(at, (uint8_t)difference) : fw_put_u16(at, difference);
    }
    fw_end_frame(link, at);
    return true;
}
