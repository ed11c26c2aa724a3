/* What the MCU hears, and what the application calls. */
#include "fw_say.h"

#define HELLO_EVERY_MS 1000u
#define ONE_WAY_EVERY_MS 60000u
#define HOST_LOST_MS 30000u

static void count_up(uint16_t *counter) {
    if (*counter != 0xFFFF) {
        ++*counter;
    }
}

static void listen(fw_link *link) {
    link->state = FW_LISTENING;
    link->due = FW_DUE_HELLO;
    link->hello_ms = (uint16_t)link->now_ms;
    link->next_metric = 0xFF;
    link->in_step = false;
}

/* One-way: nobody will ask. */
static void introduce(fw_link *link) {
    link->state = FW_RUNNING;
    link->due = FW_DUE_HELLO;
    link->hello_ms = (uint16_t)link->now_ms;
    link->next_metric = 0;
}

/* ---- frames of the host: false = malformed ---- */

static bool on_who(fw_link *link, const uint8_t *body, uint8_t size) {
    (void)body;
    (void)size;
    listen(link);
    return true;
}

static bool on_welcome(fw_link *link, const uint8_t *body, uint8_t size) {
    if (size < 2) {
        return false;
    }
    if (body[0] != FW_VERSION) {
        listen(link);
        return true;
    }
    link->due = 0;
    link->next_metric = body[1] & 1 ? 0xFF : 0;
    link->state = FW_RUNNING;
    link->fresh = false;
    link->has_result = false;
    link->event_sent = false;
    link->sessions++;
    return true;
}

static bool on_late_welcome(fw_link *link, const uint8_t *body, uint8_t size) {
    (void)link;
    (void)body;
    return size >= 2;
}

static bool on_describe(fw_link *link, const uint8_t *body, uint8_t size) {
    if (size < 1) {
        return false;
    }
    if (body[0] < link->about->metric_count) {
        link->described = body[0];
        link->due |= FW_DUE_METRIC;
    }
    return true;
}

static bool on_event_ack(fw_link *link, const uint8_t *body, uint8_t size) {
    if (size < 1) {
        return false;
    }
    if (link->event_sent && body[0] == link->event_number) {
        fw_drop_first_event(link);
    }
    return true;
}

static uint8_t run_command(fw_link *link, const uint8_t *name, uint8_t length, fw_call *call) {
    fw_command command;
    uint8_t n;
    for (n = 0; n < link->about->command_count; n++) {
        fw_rom_copy(&command, &link->about->commands[n], sizeof command);
        if (command.name[length] == 0 && memcmp(command.name, name, length) == 0) {
            return command.run(call);
        }
    }
    return FW_NO_SUCH_COMMAND;
}

static bool on_command(fw_link *link, const uint8_t *body, uint8_t size) {
    const uint8_t length = size > 1 ? body[1] : 0;
    int32_t args[4];
    fw_call call = {args, 0, 0, NULL};
    const uint8_t *at;
    if (length < 1 || length > 12 || size < length + 2 || (size - length - 2) % 4 || size - length - 2 > 16) {
        return false;
    }
    for (at = body + 2 + length; at < body + size; at += 4) {
        args[call.count++] = (int32_t)((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                                       (uint32_t)at[3] << 24);
    }
    if (!link->has_result || link->result_number != body[0]) {
        link->result_status = run_command(link, body + 2, length, &call);
        link->result_value = call.value;
        link->result_text = call.text;
        link->result_number = body[0];
        link->has_result = true;
    }
    link->due |= FW_DUE_RESULT;
    return true;
}

static bool on_ping(fw_link *link, const uint8_t *body, uint8_t size) {
    if (size < 1) {
        return false;
    }
    link->token = body[0];
    link->due |= FW_DUE_PONG;
    return true;
}

typedef bool (*on_frame)(fw_link *link, const uint8_t *body, uint8_t size);

/* The table of docs/link-protocol.md: what a frame does in which state; NULL = nothing. */
static const on_frame RULES[FW_PING - FW_WHO + 1][2] FW_ROM = {
    /* FW_LISTENING, FW_RUNNING */
    [FW_WHO - FW_WHO] = {on_who, on_who},
    [FW_WELCOME - FW_WHO] = {on_welcome, on_late_welcome},
    [FW_DESCRIBE - FW_WHO] = {NULL, on_describe},
    [FW_EVENT_ACK - FW_WHO] = {NULL, on_event_ack},
    [FW_COMMAND - FW_WHO] = {NULL, on_command},
    [FW_PING - FW_WHO] = {NULL, on_ping},
};

static void count_lost(fw_link *link, uint8_t seq) {
    if (link->in_step) {
        const uint16_t before = link->lost;
        link->lost = (uint16_t)(before + (uint8_t)(seq - link->expected));
        if (link->lost < before) {
            link->lost = 0xFFFF;
        }
    }
    link->in_step = true;
    link->expected = (uint8_t)(seq + 1);
}

static void on_wire(fw_link *link) {
    const uint8_t size = fw_frame_decode(link->rx, link->rx_size);
    const uint8_t type = link->rx[1];
    on_frame act;
    if (size == 0) {
        count_up(&link->bad);
        return;
    }
    link->heard_ms = (uint16_t)link->now_ms;
    count_lost(link, link->rx[2]);
    if (type < FW_WHO || type > FW_PING) {
        count_up(&link->unknown);
        return;
    }
    fw_rom_copy(&act, &RULES[type - FW_WHO][link->state], sizeof act);
    if (act && !act(link, link->rx + 3, (uint8_t)(size - 2))) {
        count_up(&link->bad);
    }
}

void fw_link_start(fw_link *link, const fw_about *about, uint8_t reset, uint32_t now_ms) {
    uint8_t id;
    memset(link, 0, sizeof *link);
    link->about = about;
    link->reset = reset;
    link->fresh = true;
    link->lead = true;
    link->now_ms = now_ms;
    link->table_crc = 0xFFFF;
    for (id = 0; id < about->metric_count; id++) {
        uint8_t *at = link->tx;
        const uint8_t *const end = fw_put_metric(at, about, id);
        while (at < end) {
            link->table_crc = fw_crc16(link->table_crc, *at++);
        }
    }
    if (about->one_way) {
        introduce(link);
    } else {
        listen(link);
    }
}

void fw_link_receive(fw_link *link, uint8_t byte, uint32_t now_ms) {
    link->now_ms = now_ms;
    if (byte != 0) {
        if (link->rx_size < FW_RX_MAX) {
            link->rx[link->rx_size++] = byte;
        }
        return;
    }
    if (link->rx_size == FW_RX_MAX) {
        count_up(&link->bad); /* too long: with the delimiter it would be more than FW_RX_MAX */
    } else if (link->rx_size != 0 && !link->about->one_way) {
        on_wire(link);
    }
    link->rx_size = 0;
}

void fw_link_tick(fw_link *link, uint32_t now_ms) {
    link->now_ms = now_ms;
    if (link->about->one_way) {
        if (fw_since(link, link->hello_ms) >= ONE_WAY_EVERY_MS) {
            introduce(link);
        }
    } else if (link->state == FW_LISTENING) {
        if (fw_since(link, link->hello_ms) >= HELLO_EVERY_MS) {
            link->lead = true;
            listen(link);
        }
    } else if (fw_since(link, link->heard_ms) >= HOST_LOST_MS) {
        listen(link);
    }
    if (link->unreported && link->event_count == 0 && link->state == FW_RUNNING &&
        fw_link_event(link, FW_EVENT_OVERRUN, link->unreported, NULL, now_ms)) {
        link->unreported = 0;
    }
}

static bool drop_sample(fw_link *link) {
    count_up(&link->dropped);
    if (link->state == FW_RUNNING) {
        count_up(&link->unreported);
    }
    return false;
}

static bool add_sample(fw_link *link, uint8_t metric, const int32_t *raw, uint32_t now_ms) {
    link->now_ms = now_ms;
    if (link->state != FW_RUNNING || metric >= link->about->metric_count || metric >= FW_METRICS_MAX) {
        return drop_sample(link);
    }
    if (link->samples.size == 0) {
        fw_samples_begin(&link->samples, now_ms);
        link->filled_ms = (uint16_t)now_ms;
    }
    return fw_samples_add(&link->samples, metric, now_ms, raw) || drop_sample(link);
}

bool fw_link_sample(fw_link *link, uint8_t metric, int32_t raw, uint32_t now_ms) {
    return add_sample(link, metric, &raw, now_ms);
}

bool fw_link_sample_failed(fw_link *link, uint8_t metric, uint32_t now_ms) {
    return add_sample(link, metric, NULL, now_ms);
}

bool fw_link_event(fw_link *link, uint8_t kind, int32_t value, const char *text, uint32_t now_ms) {
    fw_event *event;
    link->now_ms = now_ms;
    if (link->event_count == FW_EVENTS_MAX) {
        return false;
    }
    event = &link->events[link->event_count++];
    event->kind = kind;
    event->clock = now_ms;
    event->value = value;
    event->text = text;
    return true;
}

bool fw_link_running(const fw_link *link) { return link->state == FW_RUNNING; }
