/* What the MCU says: each frame is built when the one before it has left. */
#include "fw_say.h"

#define EVENT_EVERY_MS 1000u
#define LEAD 1 /* raw frames are built behind a leading zero and the first code */

uint16_t fw_since(const fw_link *link, uint16_t then_ms) { return (uint16_t)((uint16_t)link->now_ms - then_ms); }

uint8_t *fw_put_u8(uint8_t *at, uint8_t value) {
    *at = value;
    return at + 1;
}

uint8_t *fw_put_u16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    return at + 2;
}

uint8_t *fw_put_u32(uint8_t *at, uint32_t value) {
    at = fw_put_u16(at, (uint16_t)value);
    return fw_put_u16(at, (uint16_t)(value >> 16));
}

static uint8_t *put_text(uint8_t *at, const char *text, uint8_t longest) {
    uint8_t *const length = at++;
    *length = 0;
    while (text && *text && *length < longest) {
        *at++ = (uint8_t)*text++;
        ++*length;
    }
    return at;
}

uint8_t *fw_put_metric(uint8_t *at, const fw_about *about, uint8_t id) {
    fw_metric metric;
    fw_rom_copy(&metric, &about->metrics[id], sizeof metric);
    at = fw_put_u8(at, id);
    at = fw_put_u8(at, metric.kind);
    at = fw_put_u16(at, (uint16_t)metric.scale_m);
    at = fw_put_u8(at, (uint8_t)metric.scale_e);
    at = fw_put_u32(at, metric.period_ms);
    at = fw_put_u32(at, (uint32_t)metric.low);
    at = fw_put_u32(at, (uint32_t)metric.high);
    at = put_text(at, metric.unit, sizeof metric.unit - 1);
    return put_text(at, metric.name, sizeof metric.name - 1);
}

uint8_t *fw_begin_frame(fw_link *link, uint8_t type) {
    uint8_t *at = fw_put_u8(link->tx + LEAD + 1, type);
    return fw_put_u8(at, link->sent++);
}

void fw_end_frame(fw_link *link, const uint8_t *end) {
    link->tx_end = (uint8_t)(LEAD + fw_frame_encode(link->tx + LEAD, (uint8_t)(end - (link->tx + LEAD + 1))));
    link->tx[0] = 0;
    link->tx_at = link->lead ? 0 : LEAD;
    link->lead = false;
}

static void send_hello(fw_link *link) {
    const fw_about *about = link->about;
    uint8_t *at = fw_begin_frame(link, FW_HELLO);
    at = fw_put_u8(at, FW_VERSION);
    at = fw_put_u8(at, FW_VERSION);
    at = fw_put_u8(at, (uint8_t)((link->fresh ? 1 : 0) | (about->one_way ? 2 : 0)));
    at = fw_put_u8(at, link->reset);
    at = fw_put_u8(at, about->metric_count);
    at = fw_put_u8(at, FW_RX_MAX);
    at = fw_put_u8(at, FW_RX_GAP_MS);
    at = fw_put_u32(at, link->now_ms);
    at = fw_put_u16(at, link->table_crc);
    at = put_text(at, about->model, 24);
    fw_end_frame(link, put_text(at, about->firmware, 16));
}

static void send_result(fw_link *link) {
    uint8_t *at = fw_begin_frame(link, FW_RESULT);
    at = fw_put_u8(at, link->result_number);
    at = fw_put_u8(at, link->result_status);
    at = fw_put_u32(at, (uint32_t)link->result_value);
    fw_end_frame(link, put_text(at, link->result_text, 32));
    link->result_text = NULL; /* repeats go without it */
}

static void send_pong(fw_link *link) {
    uint8_t *at = fw_begin_frame(link, FW_PONG);
    at = fw_put_u8(at, link->token);
    at = fw_put_u32(at, link->now_ms);
    at = fw_put_u16(at, link->dropped);
    fw_end_frame(link, fw_put_u16(at, link->bad));
}

static void send_metric(fw_link *link, uint8_t id) {
    fw_end_frame(link, fw_put_metric(fw_begin_frame(link, FW_METRIC), link->about, id));
}

void fw_drop_first_event(fw_link *link) {
    uint8_t n;
    link->event_count--;
    link->event_number++;
    link->event_sent = false;
    for (n = 0; n < link->event_count; n++) {
        link->events[n] = link->events[n + 1];
    }
}

static void send_event(fw_link *link) {
    const fw_event *event = &link->events[0];
    uint8_t *at;
    link->lead = link->lead || link->event_sent;
    at = fw_begin_frame(link, FW_EVENT);
    at = fw_put_u8(at, link->event_number);
    at = fw_put_u8(at, event->kind);
    at = fw_put_u32(at, event->clock);
    at = fw_put_u32(at, (uint32_t)event->value);
    fw_end_frame(link, put_text(at, event->text, 24));
    link->event_sent = true;
    link->event_ms = (uint16_t)link->now_ms;
    if (link->about->one_way) {
        fw_drop_first_event(link);
    }
}

static void send_samples(fw_link *link) {
    uint8_t *at = fw_begin_frame(link, FW_SAMPLES);
    memcpy(at, link->samples.body, link->samples.size);
    fw_end_frame(link, at + link->samples.size);
    link->samples.size = 0;
}

static bool samples_due(const fw_link *link) {
    return link->samples.size != 0 && link->state == FW_RUNNING &&
           (link->samples.size > FW_SAMPLES_MAX - FW_RECORD_MAX || fw_since(link, link->filled_ms) >= FW_FLUSH_MS);
}

static bool event_due(const fw_link *link) {
    return link->event_count != 0 && link->state == FW_RUNNING &&
           (!link->event_sent || fw_since(link, link->event_ms) >= EVENT_EVERY_MS);
}

static bool take_due(fw_link *link, uint8_t what) {
    const uint8_t before = link->due;
    link->due = (uint8_t)(before & ~what);
    return before != link->due;
}

/* What to say next: the first that is due. */
static bool prepare_frame(fw_link *link) {
    if (take_due(link, FW_DUE_HELLO)) {
        send_hello(link);
    } else if (take_due(link, FW_DUE_RESULT)) {
        send_result(link);
    } else if (take_due(link, FW_DUE_PONG)) {
        send_pong(link);
    } else if (link->next_metric < link->about->metric_count) {
        send_metric(link, link->next_metric++);
    } else if (take_due(link, FW_DUE_METRIC)) {
        send_metric(link, link->described);
    } else if (event_due(link)) {
        send_event(link);
    } else if (samples_due(link)) {
        send_samples(link);
    } else {
        return false;
    }
    return true;
}

int16_t fw_link_next_byte(fw_link *link) {
    if (link->tx_at == link->tx_end && !prepare_frame(link)) {
        return -1;
    }
    return link->tx[link->tx_at++];
}

bool fw_link_idle(const fw_link *link) {
    return link->tx_at == link->tx_end && link->due == 0 && link->next_metric >= link->about->metric_count;
}
