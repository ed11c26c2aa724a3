/* What survives a reset: why the firmware restarted itself, and where. Lies in memory that start-up leaves alone. */
#ifndef FW_CRASH_H
#define FW_CRASH_H

#include "fw_link.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FW_CRASH_TEXT 12

typedef struct {
    uint8_t reset; /* FW_RESET_ASSERT, FW_RESET_WATCHDOG or FW_RESET_SOFTWARE */
    int32_t line;
    char text[FW_CRASH_TEXT + 1];
    uint16_t crc; /* after a power-on the rest is noise */
} fw_crash;

#if defined(__GNUC__) && !defined(__APPLE__)
#define FW_KEPT __attribute__((section(".noinit")))
#else
#define FW_KEPT
#endif

/* To be called just before the reset. `text`: the file of an assert, or the part that hung; cut to 12 characters. */
void fw_crash_note(fw_crash *crash, uint8_t reset, int32_t line, const char *text);

/* After the reset: the noted reason, or FW_RESET_UNKNOWN if nothing (valid) was noted. Forgets the note, keeps its text. */
uint8_t fw_crash_take(fw_crash *crash);

/* The event of a taken reason: `assert` with its line, `watchdog` with what hung; none for others. */
void fw_crash_tell(const fw_crash *crash, uint8_t reset, fw_link *link, uint32_t now_ms);

#ifdef __cplusplus
}
#endif
#endif
