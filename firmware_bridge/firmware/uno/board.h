/* The machine around the ATmega328P. Its sensors come twice: sensors_adc.c measures, sensors_simulated.c makes values up,
 * since the emulator has no converter, no pins and no watchdog. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stdint.h>

#define BOARD_NO_READING INT16_MIN

/* What the processor is about to do: named by the event if it hangs there. At most 12 characters. */
extern const char *volatile board_doing;

/* chip.c: the same for both */
void board_start(void);          /* clock, relay, watchdog */
uint8_t board_reset(void);       /* FW_RESET_*, of this start */
const void *board_crash(void);   /* the fw_crash behind it */
uint32_t board_clock_ms(void);   /* to be called at least once per second */
void board_feed(void);           /* the watchdog */
void board_relay(bool on);
bool board_relay_is_on(void);
void board_restart(uint8_t reset, int32_t line, const char *text) __attribute__((noreturn));
void board_hang(void) __attribute__((noreturn)); /* what the watchdog is for */

/* sensors_adc.c or sensors_simulated.c */
void sensors_start(void);
int16_t sensors_temperature_centicelsius(void); /* BOARD_NO_READING: cable broken or shorted */
int16_t sensors_vibration_cm_s2(void);          /* one sample, with gravity */
uint16_t sensors_supply_mv(void);
bool sensors_door_open(void);

#define BOARD_ASSERT(condition) \
    do { \
        if (!(condition)) { \
            board_restart(FW_RESET_ASSERT, __LINE__, BOARD_FILE); \
        } \
    } while (0)

#endif
