/* Example firmware: a machine with temperature, vibration, supply voltage, a door contact and a relay. */
#include "board.h"
#include "fw_crash.h"
#include "fw_link.h"
#include "uart.h"

#define BOARD_FILE "main.c"
#ifndef FIRMWARE_VERSION
#define FIRMWARE_VERSION "1.0.0"
#endif
#define VIBRATION_EVERY_MS 100
#define VIBRATION_SAMPLES 200 /* of one report; more would not fit 32 bits at 3 g */

enum { TEMPERATURE, VIBRATION, SUPPLY, DOOR, RELAY, METRICS };

/* Kinds of the command `fault`: added to what the sensors say, so they work on a real machine too. */
enum { NO_FAULT, BEARING, OVERHEATING, SUPPLY_SAG, DOOR_OPEN, SENSOR_BROKEN, SENSOR_WILD, HANG, FAILED_ASSERT, FAULTS };

static const fw_metric TABLE[METRICS] FW_ROM = {
    {FW_GAUGE, 1, -2, 1000, -1000, 8000, "Cel", "temperature"},
    {FW_GAUGE, 1, -3, VIBRATION_EVERY_MS, FW_NO_LIMIT, 12000, "m/s2", "vibration_rms"},
    {FW_GAUGE, 1, -3, 1000, 4500, 5500, "V", "supply_voltage"},
    {FW_BOOLEAN, 1, 0, 0, FW_NO_LIMIT, FW_NO_LIMIT, "", "door_open"},
    {FW_BOOLEAN, 1, 0, 0, FW_NO_LIMIT, FW_NO_LIMIT, "", "relay_on"},
};

static fw_link link;
static uint16_t period_ms[DOOR] = {1000, VIBRATION_EVERY_MS, 1000};
static uint16_t due_ms[DOOR];
static uint8_t fault;
static uint8_t planned; /* done when the answer has left: HANG, FAILED_ASSERT, or FAULTS for a restart */
static uint8_t told_session, told_door, told_relay;
static bool sensor_failed;

static uint8_t set_relay(fw_call *call) {
    if (call->count != 1 || call->args[0] < 0 || call->args[0] > 1) {
        return FW_BAD_ARGUMENTS;
    }
    board_relay(call->args[0] == 1);
    call->value = call->args[0];
    return FW_ACK;
}

static uint8_t set_fault(fw_call *call) {
    if (call->count != 1 || call->args[0] < 0 || call->args[0] >= FAULTS) {
        return FW_BAD_ARGUMENTS;
    }
    if (call->args[0] >= HANG) {
        planned = (uint8_t)call->args[0];
    } else {
        fault = (uint8_t)call->args[0];
    }
    call->value = call->args[0];
    return FW_ACK;
}

static uint8_t set_rate(fw_call *call) {
    if (call->count != 2 || call->args[0] < 0 || call->args[0] >= DOOR || call->args[1] < 20 ||
        call->args[1] > 30000) {
        return FW_BAD_ARGUMENTS;
    }
    period_ms[call->args[0]] = (uint16_t)call->args[1];
    call->value = call->args[1];
    return FW_ACK;
}

static uint8_t plan_reset(fw_call *call) {
    (void)call;
    planned = FAULTS;
    return FW_ACK;
}

static const fw_command COMMANDS[] FW_ROM = {
    {"relay", set_relay},
    {"fault", set_fault},
    {"rate", set_rate},
    {"reset", plan_reset},
};

static const fw_about ABOUT = {TABLE, COMMANDS, METRICS, sizeof COMMANDS / sizeof COMMANDS[0],
                               false, "uno-demo", FIRMWARE_VERSION};

static uint16_t square_root(uint32_t of) {
    uint32_t root = 0;
    uint32_t bit = (uint32_t)1 << 30;
    while (bit > of) {
        bit >>= 2;
    }
    for (; bit != 0; bit >>= 2) {
        if (of >= root + bit) {
            of -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (uint16_t)root;
}

/* Sums of the samples since the last report. */
static int32_t vibration_sum;
static uint32_t vibration_squares;
static uint8_t vibration_count;

/* Of the magnitude: an unsigned product is shorter, and QEMU 7.2 never leaves libgcc's signed one (__mulhisi3) when a
   factor is negative. */
static uint32_t square(int16_t value) {
    const uint16_t size = (uint16_t)(value < 0 ? -value : value);
    return (uint32_t)size * size;
}

/* Called once per millisecond. */
static void feel_vibration(void) {
    const int16_t value = sensors_vibration_cm_s2();
    if (vibration_count < VIBRATION_SAMPLES) {
        vibration_sum += value;
        vibration_squares += square(value);
        vibration_count++;
    }
}

/* Effective value less the mean (gravity), mm/s2. */
static uint16_t vibration_rms_mm_s2(void) {
    const uint32_t all = vibration_squares / vibration_count;
    const uint32_t still = square((int16_t)(vibration_sum / vibration_count));
    const uint16_t rms = all > still ? square_root((all - still) * 100) : 0;
    vibration_sum = 0;
    vibration_squares = 0;
    vibration_count = 0;
    return fault == BEARING ? (uint16_t)(rms * 4) : rms;
}

/* Keeps the beat: a late turn does not shift those after it, unless a whole one was missed. */
static bool is_due(uint8_t metric, uint32_t now_ms) {
    const uint16_t period = period_ms[metric];
    const uint16_t late = (uint16_t)((uint16_t)now_ms - due_ms[metric]);
    if (late < period) {
        return false;
    }
    due_ms[metric] = late < 2 * period ? (uint16_t)(due_ms[metric] + period) : (uint16_t)now_ms;
    return true;
}

static int32_t added_centicelsius(void) {
    return fault == OVERHEATING ? 4500 : fault == SENSOR_WILD ? 30000 : 0;
}

static void measure_temperature(uint32_t now_ms) {
    const int16_t measured = fault == SENSOR_BROKEN ? BOARD_NO_READING : sensors_temperature_centicelsius();
    const bool failed = measured == BOARD_NO_READING;
    if (failed) {
        fw_link_sample_failed(&link, TEMPERATURE, now_ms);
    } else {
        fw_link_sample(&link, TEMPERATURE, measured + added_centicelsius(), now_ms);
    }
    if (failed != sensor_failed &&
        fw_link_event(&link, failed ? FW_EVENT_SENSOR_FAULT : FW_EVENT_SENSOR_BACK, TEMPERATURE, NULL, now_ms)) {
        sensor_failed = failed;
    }
}

/* On change, and once more for each bridge that begins to listen. */
static void tell_states(uint32_t now_ms) {
    const uint8_t door = sensors_door_open() || fault == DOOR_OPEN;
    const uint8_t relay = board_relay_is_on();
    const bool again = told_session != link.sessions;
    if (!fw_link_running(&link)) {
        return;
    }
    if ((again || door != told_door) && fw_link_sample(&link, DOOR, door, now_ms)) {
        told_door = door;
    }
    if ((again || relay != told_relay) && fw_link_sample(&link, RELAY, relay, now_ms)) {
        told_relay = relay;
    }
    told_session = link.sessions;
}

/* Once per millisecond. */
static void measure(uint32_t now_ms) {
    feel_vibration();
    if (is_due(VIBRATION, now_ms)) {
        fw_link_sample(&link, VIBRATION, vibration_rms_mm_s2(), now_ms);
    }
    if (is_due(SUPPLY, now_ms)) {
        fw_link_sample(&link, SUPPLY, sensors_supply_mv() - (fault == SUPPLY_SAG ? 800 : 0), now_ms);
    }
    if (is_due(TEMPERATURE, now_ms)) {
        measure_temperature(now_ms);
    }
    tell_states(now_ms);
}

static void talk(uint32_t now_ms) {
    uint8_t byte;
    int16_t next;
    while (uart_received(&byte)) {
        fw_link_receive(&link, byte, now_ms);
    }
    fw_link_tick(&link, now_ms);
    while (uart_has_room() && (next = fw_link_next_byte(&link)) >= 0) {
        uart_send((uint8_t)next);
    }
}

static void do_planned(void) {
    BOARD_ASSERT(planned != FAILED_ASSERT);
    if (planned == HANG) {
        board_hang();
    }
    board_restart(FW_RESET_SOFTWARE, 0, NULL);
}

int main(void) {
    uint32_t measured_ms = 0;
    board_start();
    sensors_start();
    uart_start();
    fw_link_start(&link, &ABOUT, board_reset(), board_clock_ms());
    fw_crash_tell(board_crash(), board_reset(), &link, board_clock_ms());
    if (board_reset() == FW_RESET_BROWN_OUT) {
        fw_link_event(&link, FW_EVENT_BROWN_OUT, sensors_supply_mv(), NULL, board_clock_ms());
    }
    for (;;) {
        const uint32_t now_ms = board_clock_ms();
        board_feed();
        board_doing = "link";
        talk(now_ms);
        if (now_ms != measured_ms) {
            measured_ms = now_ms;
            board_doing = "sensors";
            measure(now_ms);
        }
        if (planned && fw_link_idle(&link) && uart_drained()) {
            do_planned();
        }
    }
}
