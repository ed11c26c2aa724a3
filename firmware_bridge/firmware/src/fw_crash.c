#include "fw_crash.h"

static uint16_t crc_of(const fw_crash *crash) {
    uint16_t crc = fw_crc16_of(&crash->reset, 1);
    const uint8_t *at = (const uint8_t *)&crash->line;
    uint8_t n;
    for (n = 0; n < sizeof crash->line; n++) {
        crc = fw_crc16(crc, at[n]);
    }
    for (n = 0; n < sizeof crash->text; n++) {
        crc = fw_crc16(crc, (uint8_t)crash->text[n]);
    }
    return crc;
}

void fw_crash_note(fw_crash *crash, uint8_t reset, int32_t line, const char *text) {
    uint8_t n = 0;
    memset(crash->text, 0, sizeof crash->text);
    for (; text && text[n] && n < FW_CRASH_TEXT; n++) {
        crash->text[n] = text[n];
    }
    crash->reset = reset;
    crash->line = line;
    crash->crc = crc_of(crash);
}

uint8_t fw_crash_take(fw_crash *crash) {
    const uint8_t reset = crash->crc == crc_of(crash) ? crash->reset : FW_RESET_UNKNOWN;
    crash->crc = (uint16_t)~crc_of(crash);
    return reset;
}

void fw_crash_tell(const fw_crash *crash, uint8_t reset, fw_link *link, uint32_t now_ms) {
    if (reset == FW_RESET_ASSERT) {
        fw_link_event(link, FW_EVENT_ASSERT, crash->line, crash->text, now_ms);
    } else if (reset == FW_RESET_WATCHDOG) {
        fw_link_event(link, FW_EVENT_WATCHDOG, 0, crash->text, now_ms);
    }
}
