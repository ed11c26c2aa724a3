/* The link of a microcontroller with the bridge: docs/link-protocol.md, version 1.
 *
 * Knows no UART and no clock: the application passes in the bytes that arrived and the time, and fetches the bytes
 * to send whenever its UART has room for one. No heap; nothing blocks; one frame is on its way out at a time.
 *
 *     fw_link_start(&link, &about, reset, now);
 *     for (;;) {
 *         while (uart_received(&byte)) fw_link_receive(&link, byte, now);
 *         fw_link_tick(&link, now);
 *         fw_link_sample(&link, METRIC_TEMPERATURE, raw, now);            when there is one
 *         while (uart_has_room() && (next = fw_link_next_byte(&link)) >= 0) uart_send(next);
 *     }
 */
#ifndef FW_LINK_H
#define FW_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "fw_config.h"
#include "fw_frame.h"
#include "fw_rom.h"
#include "fw_samples.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FW_VERSION 1
#define FW_NO_LIMIT INT32_MIN

/* kind of a metric */
enum { FW_GAUGE = 0, FW_COUNTER = 1, FW_BOOLEAN = 2 };

/* why the MCU started */
enum {
    FW_RESET_UNKNOWN = 0,
    FW_RESET_POWER_ON = 1,
    FW_RESET_EXTERNAL = 2,
    FW_RESET_BROWN_OUT = 3,
    FW_RESET_WATCHDOG = 4,
    FW_RESET_SOFTWARE = 5,
    FW_RESET_ASSERT = 6
};

/* kind of an event; 64..127 are the application's own */
enum {
    FW_EVENT_BROWN_OUT = 1,
    FW_EVENT_WATCHDOG = 2,
    FW_EVENT_ASSERT = 3,
    FW_EVENT_SENSOR_FAULT = 4,
    FW_EVENT_SENSOR_BACK = 5,
    FW_EVENT_OVERRUN = 6,
    FW_EVENT_LOG = 7
};

/* answer to a command */
enum { FW_ACK = 0, FW_NO_SUCH_COMMAND = 1, FW_BAD_ARGUMENTS = 2, FW_BUSY = 3, FW_FAILED = 4 };

/* value = raw * scale_m * 10^scale_e, in `unit`; outside low..high (raw) is a fault of the machine. */
typedef struct {
    uint8_t kind;
    int16_t scale_m;
    int8_t scale_e;
    uint32_t period_ms; /* 0 = on change */
    int32_t low;
    int32_t high;
    char unit[12 + 1]; /* SenML */
    char name[32 + 1];
} fw_metric;

typedef struct {
    const int32_t *args;
    uint8_t count;
    int32_t value;    /* outcome, or wait in ms if busy, or error code if failed */
    const char *text; /* NULL, or at most 32 characters that stay where they are */
} fw_call;

/* Runs a command; returns FW_ACK … FW_FAILED. It is called from fw_link_receive(): be short. */
typedef uint8_t (*fw_run)(fw_call *call);

typedef struct {
    char name[12 + 1];
    fw_run run;
} fw_command;

/* Who this is. The two tables lie in flash (FW_ROM), the rest in RAM. */
typedef struct {
    const fw_metric *metrics; /* FW_ROM; the index is the metric's id */
    const fw_command *commands; /* FW_ROM */
    uint8_t metric_count;
    uint8_t command_count;
    bool one_way; /* the receive line is not connected */
    const char *model;    /* at most 24 characters */
    const char *firmware; /* at most 16 characters */
} fw_about;

typedef struct {
    uint8_t kind;
    uint32_t clock;
    int32_t value;
    const char *text;
} fw_event;

/* The longest frame that leaves: METRIC, HELLO, or SAMPLES where those may be longer. */
#define FW_TX_BODY (FW_SAMPLES_MAX > 63 ? FW_SAMPLES_MAX : 63)

typedef struct {
    const fw_about *about;
    uint32_t now_ms;
    uint16_t heard_ms;  /* low half of the clock at the last valid frame of the host, */
    uint16_t hello_ms;  /* at the last HELLO, */
    uint16_t event_ms;  /* at the last sending of the first event, */
    uint16_t filled_ms; /* at the first record of the frame being filled */
    uint16_t table_crc;
    uint16_t dropped; /* samples */
    uint16_t bad;     /* frames of the host: damaged or malformed, */
    uint16_t unknown; /* of a type that this version does not know, */
    uint16_t lost;    /* missing in its numbering */
    uint16_t unreported; /* samples dropped since the last event `overrun` */
    uint8_t state;
    uint8_t reset;
    uint8_t due;         /* bits of HELLO, RESULT, PONG, METRIC */
    uint8_t next_metric; /* of the table being sent; metric_count = sent */
    uint8_t described;   /* metric asked for */
    bool fresh;  /* no WELCOME since reset */
    bool lead;   /* a zero goes before the next frame */
    uint8_t sessions; /* rises with each WELCOME that begins one: time to send the metrics "on change" */
    uint8_t sent;  /* frames */
    bool in_step;  /* `expected` holds */
    uint8_t expected; /* seq of the host's next frame */
    uint8_t token; /* of the PING */
    bool has_result;
    uint8_t result_number;
    uint8_t result_status;
    int32_t result_value;
    const char *result_text;
    uint8_t event_number;
    uint8_t event_count;
    bool event_sent;
    fw_event events[FW_EVENTS_MAX];
    fw_samples samples;
    uint8_t rx_size; /* FW_RX_MAX: too long, wait for the delimiter */
    uint8_t tx_at;
    uint8_t tx_end;
    uint8_t rx[FW_RX_MAX];
    uint8_t tx[1 + 1 + 2 + FW_TX_BODY + 2 + 1]; /* leading zero, code, type and seq, body, CRC, delimiter */
} fw_link;

void fw_link_start(fw_link *link, const fw_about *about, uint8_t reset, uint32_t now_ms);

/* One byte from the host. Runs the command that it completes. */
void fw_link_receive(fw_link *link, uint8_t byte, uint32_t now_ms);

/* Timers; to be called at least every 100 ms. */
void fw_link_tick(fw_link *link, uint32_t now_ms);

/* The next byte for the host, or -1: nothing to say now. */
int16_t fw_link_next_byte(fw_link *link);

/* False: dropped and counted, since nobody listens or the line is too slow. */
bool fw_link_sample(fw_link *link, uint8_t metric, int32_t raw, uint32_t now_ms);

/* The sensor of this metric gave no value. */
bool fw_link_sample_failed(fw_link *link, uint8_t metric, uint32_t now_ms);

/* Equally spaced values (a waveform), `count` 1..107. False: not now (another frame is leaving), or it doesn't fit. */
bool fw_link_run(fw_link *link, uint8_t metric, uint32_t clock_ms, uint32_t step_us, const int16_t *values,
                 uint8_t count);

/* `text` (NULL, or at most 24 characters) must stay where it is. False: the queue is full. */
bool fw_link_event(fw_link *link, uint8_t kind, int32_t value, const char *text, uint32_t now_ms);

/* Everything said has left for the UART: time for a reset that was asked for. */
bool fw_link_idle(const fw_link *link);

bool fw_link_running(const fw_link *link);

#ifdef __cplusplus
}
#endif
#endif
