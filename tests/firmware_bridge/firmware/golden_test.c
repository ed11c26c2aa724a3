/* The library against the golden bytes. */
#include "fw_say.h"
#include "golden.h"
#include "peer.h"

static uint8_t relay(fw_call *call) {
    call->value = call->args[0];
    return FW_ACK;
}

static const fw_command COMMANDS[] = {{"relay", relay}};
static fw_metric table[32];
static fw_about about = {table, COMMANDS, 4, 1, false, "", ""};
static fw_link mcu;

/* The table of the golden HELLO: the first four METRIC. */
static void fill_table(void) {
    for (unsigned n = 0; n < 4; n++) {
        fw_metric *m = &table[n];
        const golden_metric *g = &METRICS[n];
        m->kind = g->kind, m->scale_m = g->scale_m, m->scale_e = g->scale_e, m->period_ms = g->period_ms;
        m->low = g->low, m->high = g->high;
        strcpy(m->unit, g->unit);
        strcpy(m->name, g->name);
    }
}

static void begin(uint8_t seq) {
    fill_table();
    fw_link_start(&mcu, &about, FW_RESET_POWER_ON, 0);
    mcu.due = 0;
    mcu.lead = false;
    mcu.sent = seq;
    mcu.state = FW_RUNNING;
}

static void check_says(bytes wanted) {
    uint8_t wire[FW_WIRE_MAX + 1];
    CHECK_SAME(wire, hear_wire(&mcu, wire), wanted);
}

#define EACH(row, rows) (unsigned n_ = 0; n_ < sizeof(rows) / sizeof *(rows); n_++) for (int once_ = 1; once_;) for (row = &(rows)[n_]; once_; once_ = 0)

static void test_crc(void) {
    for EACH (const golden_crc *row, CRC) {
        CHECK(fw_crc16_of(row->data.data, (uint8_t)row->data.size) == row->crc);
    }
}

static void test_cobs(void) {
    for EACH (const golden_cobs *row, COBS) {
        uint8_t data[FW_WIRE_MAX] = {0};
        memcpy(data + 1, row->plain.data, row->plain.size);
        fw_cobs_encode(data, (uint8_t)row->plain.size);
        CHECK_SAME(data, row->plain.size + 1, row->coded);
        CHECK(fw_cobs_decode(data, (uint8_t)row->coded.size));
        CHECK_SAME(data + 1, row->coded.size - 1, row->plain);
    }
}

static void test_frames(void) {
    for EACH (const golden_frame *row, FRAMES) {
        uint8_t wire[FW_WIRE_MAX];
        memcpy(wire + 1, row->raw.data, row->raw.size - 2);
        CHECK_SAME(wire, fw_frame_encode(wire, (uint8_t)(row->raw.size - 2)), row->wire);
        CHECK(fw_frame_decode(wire, (uint8_t)(row->wire.size - 1)) == row->raw.size - 2);
        CHECK_SAME(wire + 1, row->raw.size, row->raw);
    }
}

static void test_hello(void) {
    for EACH (const golden_hello *row, HELLOS) {
        fill_table();
        about.one_way = (row->flags & 2) != 0;
        about.model = row->model;
        about.firmware = row->firmware;
        fw_link_start(&mcu, &about, row->reset, row->clock);
        about.one_way = false;
        mcu.lead = false;
        mcu.sent = row->seq;
        mcu.about = &(fw_about){table, COMMANDS, 4, 1, (row->flags & 2) != 0, row->model, row->firmware};
        check_says(row->wire);
    }
}

static void test_metric(void) {
    for EACH (const golden_metric *row, METRICS) {
        begin(row->seq);
        memset(&table[row->id], 0, sizeof table[row->id]);
        table[row->id] = (fw_metric){.kind = row->kind, .scale_m = row->scale_m, .scale_e = row->scale_e,
                                     .period_ms = row->period_ms, .low = row->low, .high = row->high};
        strcpy(table[row->id].unit, row->unit);
        strcpy(table[row->id].name, row->name);
        about.metric_count = 32;
        say1(&mcu, DESCRIBE, row->id, 0);
        check_says(row->wire);
        about.metric_count = 4;
    }
}

static void test_event(void) {
    for EACH (const golden_event *row, EVENTS) {
        begin(row->seq);
        mcu.event_number = row->number;
        CHECK(fw_link_event(&mcu, row->kind, row->value, row->text, row->clock));
        check_says(row->wire);
    }
}

static void test_result(void) {
    for EACH (const golden_result *row, RESULTS) {
        begin(row->seq);
        mcu.result_number = row->number, mcu.result_status = row->status;
        mcu.result_value = row->value, mcu.result_text = row->text;
        mcu.due = FW_DUE_RESULT;
        check_says(row->wire);
    }
}

static void test_pong(void) {
    for EACH (const golden_pong *row, PONGS) {
        begin(row->seq);
        mcu.dropped = row->dropped, mcu.bad = row->bad;
        say1(&mcu, PING, row->token, row->clock);
        check_says(row->wire);
    }
}

static void test_run(void) {
    for EACH (const golden_run *row, RUNS) {
        begin(row->seq);
        CHECK(fw_link_run(&mcu, row->metric, row->clock, row->step_us, row->values, (uint8_t)row->count));
        check_says(row->wire);
    }
}

static void test_samples(void) {
    for EACH (const golden_samples *row, SAMPLE_BODIES) {
        fw_samples samples;
        fw_samples_begin(&samples, row->clock);
        for (unsigned n = 0; n < row->count; n++) {
            const golden_record *r = &row->records[n];
            CHECK(fw_samples_add(&samples, r->metric, r->time, r->has_value ? &r->value : NULL));
        }
        CHECK_SAME(samples.body, samples.size, row->body);
    }
}

/* After each bad frame a good one must arrive. */
static void test_bad(void) {
    for EACH (const golden_bad *row, BAD) {
        const int is_other = strcmp(row->why, "unknown") == 0 || strcmp(row->why, "body") == 0;
        begin(0);
        say_raw(&mcu, row->wire.data, row->wire.size, 1);
        /* The MCU takes no frames of its own kind, so what is malformed in them is unknown to it. */
        CHECK(mcu.bad == (is_other ? 0 : 1));
        CHECK(mcu.unknown == (is_other ? 1 : 0));
        say1(&mcu, PING, 7, 2);
        CHECK(hear(&mcu).type == PONG);
    }
}

static void test_bad_without_end_then_a_sound_frame(void) {
    for EACH (const golden_bad *row, BAD) {
        begin(0);
        say_raw(&mcu, row->wire.data, row->wire.size - 1, 1);
        fw_link_receive(&mcu, 0, 1); /* the sender's leading zero */
        say1(&mcu, PING, 7, 2);
        CHECK(hear(&mcu).type == PONG);
    }
}

/* The whole golden conversation, each byte of it, from both sides. */
static void test_conversation(void) {
    static const uint32_t SAMPLED[] = {2345, 812, 5021, 0};
    uint32_t now = 12;
    fill_table();
    about.model = "uno-demo";
    about.firmware = "1.0.0";
    fw_link_start(&mcu, &about, FW_RESET_POWER_ON, now);
    for EACH (const golden_said *row, CONVERSATION) {
        if (strcmp(row->from, "host") == 0) {
            if (strcmp(row->name, "PING") == 0) {
                now = 700;
            } else if (strcmp(row->name, "WHO") == 0) {
                now = 900;
            }
            say_raw(&mcu, row->wire.data, row->wire.size, now);
            continue;
        }
        if (strcmp(row->name, "SAMPLES") == 0) {
            for (uint8_t id = 0; id < 4; id++) {
                CHECK(fw_link_sample(&mcu, id, (int32_t)SAMPLED[id], 500));
            }
            CHECK(fw_link_next_byte(&mcu) == -1);
            fw_link_tick(&mcu, 500 + FW_FLUSH_MS);
        } else if (strcmp(row->name, "EVENT") == 0) {
            CHECK(fw_link_event(&mcu, FW_EVENT_ASSERT, 217, "adc.c", 510));
        }
        check_says(row->wire);
    }
    CHECK(mcu.lost == 0 && mcu.bad == 0 && mcu.unknown == 0);
}

typedef struct {
    const char *name;
    void (*run)(void);
} test;

#define TEST(name) {#name, test_##name}
static const test TESTS[] = {
    TEST(crc), TEST(cobs), TEST(frames), TEST(hello), TEST(metric), TEST(event), TEST(result), TEST(pong),
    TEST(run), TEST(samples), TEST(bad), TEST(bad_without_end_then_a_sound_frame), TEST(conversation),
};

int main(int count, char **arguments) {
    for EACH (const test *row, TESTS) {
        if (count == 2 && strcmp(arguments[1], row->name) == 0) {
            row->run();
            return 0;
        }
    }
    return 2;
}
