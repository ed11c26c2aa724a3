/* How the library behaves over time: the tables of docs/link-protocol.md, section 3, 6, 7, 8. */
#include "fw_crash.h"
#include "peer.h"

static unsigned runs;
static int32_t seen[4];
static uint8_t seen_count;

static uint8_t count_runs(fw_call *call) {
    runs++;
    seen_count = call->count;
    memcpy(seen, call->args, sizeof seen);
    call->value = 41;
    call->text = "done";
    return FW_ACK;
}

static uint8_t refuse(fw_call *call) {
    call->value = 200;
    return call->count ? FW_BAD_ARGUMENTS : FW_BUSY;
}

static const fw_metric TABLE[] = {
    {FW_GAUGE, 1, -2, 1000, -1000, 8000, "Cel", "temperature"},
    {FW_BOOLEAN, 1, 0, 0, FW_NO_LIMIT, FW_NO_LIMIT, "", "door_open"},
};
static const fw_command COMMANDS[] = {{"count", count_runs}, {"refuse", refuse}, {"counter_long", count_runs}};
static const fw_about ABOUT = {TABLE, COMMANDS, 2, 3, false, "test", "0"};
static const fw_about ONE_WAY = {TABLE, COMMANDS, 2, 3, true, "test", "0"};
static fw_link mcu;

static void start(uint32_t now) {
    runs = 0;
    peer_seq = 0;
    fw_link_start(&mcu, &ABOUT, FW_RESET_POWER_ON, now);
}

static void check_silent(void) { CHECK(fw_link_next_byte(&mcu) == -1); }

static void welcome(uint8_t flags, uint32_t now) {
    const uint8_t body[2] = {1, flags};
    say(&mcu, WELCOME, body, 2, now);
}

/* Running, table told, nothing left to say. */
static void run_at(uint32_t now) {
    start(now);
    CHECK(hear(&mcu).type == HELLO);
    welcome(1, now);
    while (hear(&mcu).type != 0) {
    }
    CHECK(fw_link_running(&mcu));
}

static void command(uint8_t number, const char *name, const int32_t *args, uint8_t count, uint32_t now) {
    uint8_t body[40] = {number, (uint8_t)strlen(name)};
    memcpy(body + 2, name, strlen(name));
    memcpy(body + 2 + strlen(name), args, count * 4u);
    say(&mcu, COMMAND, body, (uint8_t)(2 + strlen(name) + count * 4u), now);
}

static void check_result(uint8_t number, uint8_t status, int32_t value) {
    const heard got = hear(&mcu);
    CHECK(got.type == RESULT && got.body[0] == number && got.body[1] == status);
    CHECK((int32_t)u32_at(got.body + 2) == value);
}

static void test_hello_at_once_and_each_second_behind_a_zero(void) {
    start(5);
    for (uint32_t n = 0; n < 3; n++) {
        heard got = hear(&mcu);
        CHECK(got.type == HELLO && got.seq == n && got.lead == 1);
        CHECK(got.body[2] == 1 && u32_at(got.body + 7) == 5 + n * 1000);
        fw_link_tick(&mcu, 5 + n * 1000 + 999);
        check_silent();
        fw_link_tick(&mcu, 5 + n * 1000 + 1000);
    }
}

static void test_who_is_answered_at_once_without_a_zero(void) {
    start(0);
    hear(&mcu);
    say(&mcu, WHO, "", 0, 10);
    heard got = hear(&mcu);
    CHECK(got.type == HELLO && got.lead == 0);
    check_silent();
}

static void test_welcome_gets_the_table_unless_known(void) {
    start(0);
    hear(&mcu);
    welcome(0, 1);
    CHECK(hear(&mcu).body[0] == 0);
    heard last = hear(&mcu);
    CHECK(last.type == METRIC && last.body[0] == 1);
    check_silent();
    start(0);
    hear(&mcu);
    welcome(1, 1);
    check_silent();
    CHECK(fw_link_running(&mcu));
}

static void test_welcome_of_another_version_is_answered_hello(void) {
    const uint8_t other[2] = {2, 0};
    start(0);
    hear(&mcu);
    say(&mcu, WELCOME, other, 2, 1);
    CHECK(hear(&mcu).type == HELLO);
    CHECK(!fw_link_running(&mcu));
}

static void test_late_welcome_changes_nothing(void) {
    run_at(0);
    welcome(0, 100);
    check_silent();
    CHECK(fw_link_running(&mcu) && mcu.sessions == 1);
}

static void test_fresh_only_until_the_first_welcome(void) {
    run_at(0);
    say(&mcu, WHO, "", 0, 10);
    CHECK(hear(&mcu).body[2] == 0);
}

static void test_listening_answers_neither_commands_nor_pings(void) {
    start(0);
    hear(&mcu);
    say1(&mcu, PING, 1, 1);
    command(0, "count", seen, 0, 1);
    say1(&mcu, DESCRIBE, 0, 1);
    check_silent();
    CHECK(runs == 0 && mcu.bad == 0);
}

static void test_listening_drops_samples_and_keeps_events(void) {
    start(0);
    hear(&mcu);
    CHECK(!fw_link_sample(&mcu, 0, 1, 1));
    CHECK(fw_link_event(&mcu, FW_EVENT_LOG, 0, "kept", 1));
    fw_link_tick(&mcu, 600);
    check_silent();
    CHECK(mcu.dropped == 1);
    welcome(1, 700);
    heard got = hear(&mcu);
    CHECK(got.type == EVENT && u32_at(got.body + 2) == 1);
}

static void test_host_silent_for_30_s_is_greeted_anew(void) {
    run_at(0);
    fw_link_tick(&mcu, 29999);
    check_silent();
    fw_link_tick(&mcu, 30000);
    heard got = hear(&mcu);
    CHECK(got.type == HELLO && got.body[2] == 0);
    CHECK(!fw_link_running(&mcu));
}

static void test_any_frame_of_the_host_keeps_the_session(void) {
    run_at(0);
    for (uint32_t now = 5000; now < 200000; now += 5000) {
        say1(&mcu, PING, (uint8_t)now, now);
        fw_link_tick(&mcu, now);
        CHECK(hear(&mcu).type == PONG);
    }
    CHECK(fw_link_running(&mcu));
}

static void test_samples_wait_for_company_then_leave(void) {
    run_at(1000);
    CHECK(fw_link_sample(&mcu, 0, 2150, 1000));
    CHECK(fw_link_sample_failed(&mcu, 0, 1010));
    fw_link_tick(&mcu, 1000 + FW_FLUSH_MS - 1);
    check_silent();
    fw_link_tick(&mcu, 1000 + FW_FLUSH_MS);
    heard got = hear(&mcu);
    CHECK(got.type == SAMPLES_ && u32_at(got.body) == 1000);
    CHECK(got.size == 4 + 3 + 3);
}

static void test_full_frame_leaves_early_and_overflow_is_told(void) {
    run_at(0);
    int32_t value = 0;
    while (fw_link_sample(&mcu, 0, value, 1)) {
        value = value ? 0 : 1000000000;
    }
    CHECK(mcu.dropped == 1);
    CHECK(hear(&mcu).type == SAMPLES_);
    fw_link_tick(&mcu, 2);
    heard got = hear(&mcu);
    CHECK(got.type == EVENT && got.body[1] == FW_EVENT_OVERRUN && u32_at(got.body + 6) == 1);
    CHECK(fw_link_sample(&mcu, 0, 1, 3));
}

static void test_unknown_metric_is_dropped(void) {
    run_at(0);
    CHECK(!fw_link_sample(&mcu, 2, 1, 1));
    CHECK(!fw_link_sample(&mcu, 255, 1, 1));
}

static void test_command_runs_once_however_often_it_is_sent(void) {
    const int32_t args[4] = {1, -1, INT32_MAX, INT32_MIN};
    run_at(0);
    command(9, "count", args, 4, 1);
    heard first = hear(&mcu);
    CHECK(first.type == RESULT && first.body[6] == 4 && memcmp(first.body + 7, "done", 4) == 0);
    CHECK(seen_count == 4 && memcmp(seen, args, sizeof args) == 0);
    for (int n = 0; n < 4; n++) {
        command(9, "count", args, 4, 500);
        check_result(9, FW_ACK, 41);
    }
    CHECK(runs == 1);
    command(10, "count", args, 0, 600);
    check_result(10, FW_ACK, 41);
    CHECK(runs == 2);
}

static void test_welcome_forgets_the_number(void) {
    run_at(0);
    command(9, "count", seen, 0, 1);
    hear(&mcu);
    say(&mcu, WHO, "", 0, 2);
    hear(&mcu);
    welcome(1, 3);
    command(9, "count", seen, 0, 4);
    check_result(9, FW_ACK, 41);
    CHECK(runs == 2);
}

static void test_commands_are_refused_with_a_reason(void) {
    const int32_t args[1] = {3};
    run_at(0);
    command(0, "coun", args, 0, 1);
    check_result(0, FW_NO_SUCH_COMMAND, 0);
    command(1, "counter", args, 0, 1);
    check_result(1, FW_NO_SUCH_COMMAND, 0);
    command(2, "refuse", args, 1, 1);
    check_result(2, FW_BAD_ARGUMENTS, 200);
    command(3, "refuse", args, 0, 1);
    check_result(3, FW_BUSY, 200);
    command(4, "counter_long", args, 1, 1);
    check_result(4, FW_ACK, 41);
}

static void test_malformed_commands_are_counted_and_not_run(void) {
    static const uint8_t BODIES[][12] = {
        {1, 0}, {1, 13, 'c'}, {1, 200, 'c'}, {1, 5, 'c', 'o', 'u', 'n'}, {1, 5, 'c'}, {1, 5, 'c', 'o', 'u', 'n', 't', 0},
    };
    static const uint8_t SIZES[] = {2, 3, 3, 6, 3, 8};
    run_at(0);
    say(&mcu, COMMAND, "", 0, 1);
    say(&mcu, PING, "", 0, 1);
    say(&mcu, DESCRIBE, "", 0, 1);
    say(&mcu, EVENT_ACK, "", 0, 1);
    say(&mcu, WELCOME, "\1", 1, 1);
    for (unsigned n = 0; n < sizeof SIZES; n++) {
        say(&mcu, COMMAND, BODIES[n], SIZES[n], 1);
    }
    check_silent();
    CHECK(runs == 0 && mcu.bad == 5 + sizeof SIZES);
}

static void test_event_is_repeated_until_its_acknowledgement(void) {
    run_at(0);
    CHECK(fw_link_event(&mcu, FW_EVENT_ASSERT, 217, "adc.c", 10));
    CHECK(fw_link_event(&mcu, FW_EVENT_LOG, 0, NULL, 20));
    heard first = hear(&mcu);
    CHECK(first.type == EVENT && first.body[0] == 0 && first.lead == 0);
    fw_link_tick(&mcu, 1019);
    check_silent();
    fw_link_tick(&mcu, 1020);
    heard again = hear(&mcu);
    CHECK(again.lead == 1 && again.size == first.size && memcmp(again.body, first.body, first.size) == 0);
    say1(&mcu, EVENT_ACK, 7, 1021);
    check_silent();
    say1(&mcu, EVENT_ACK, 0, 1022);
    heard second = hear(&mcu);
    CHECK(second.type == EVENT && second.body[0] == 1 && second.body[1] == FW_EVENT_LOG && second.lead == 0);
    say1(&mcu, EVENT_ACK, 0, 1023); /* the acknowledgement of the one before, late */
    CHECK(mcu.event_count == 1);
    say1(&mcu, EVENT_ACK, 1, 1024);
    CHECK(mcu.event_count == 0);
}

static void test_full_queue_drops_the_newest_event(void) {
    run_at(0);
    for (int n = 0; n < FW_EVENTS_MAX; n++) {
        CHECK(fw_link_event(&mcu, 64, n, NULL, 1));
    }
    CHECK(!fw_link_event(&mcu, 64, 99, NULL, 1));
    for (int n = 0; n < FW_EVENTS_MAX; n++) {
        heard got = hear(&mcu);
        CHECK(got.type == EVENT && u32_at(got.body + 6) == (uint32_t)n);
        say1(&mcu, EVENT_ACK, (uint8_t)n, 2);
    }
    check_silent();
}

static void test_one_way_says_all_and_waits_for_nothing(void) {
    fw_link_start(&mcu, &ONE_WAY, FW_RESET_UNKNOWN, 0);
    for (uint32_t now = 0; now <= 120000; now += 60000) {
        fw_link_tick(&mcu, now);
        CHECK(hear(&mcu).type == HELLO);
        CHECK(hear(&mcu).type == METRIC);
        CHECK(hear(&mcu).type == METRIC);
        check_silent();
        CHECK(fw_link_event(&mcu, FW_EVENT_LOG, 0, "once", now));
        CHECK(hear(&mcu).type == EVENT);
        for (uint32_t ms = 100; ms < 59000; ms += 100) {
            fw_link_tick(&mcu, now + ms);
            check_silent();
        }
        CHECK(fw_link_sample(&mcu, 0, 5, now + 59000));
        fw_link_tick(&mcu, now + 59000 + FW_FLUSH_MS);
        CHECK(hear(&mcu).type == SAMPLES_);
    }
}

static void test_one_way_is_deaf(void) {
    fw_link_start(&mcu, &ONE_WAY, FW_RESET_UNKNOWN, 0);
    while (hear(&mcu).type != 0) {
    }
    say(&mcu, WHO, "", 0, 1);
    command(0, "count", seen, 0, 1);
    check_silent();
}

static void test_lost_frames_of_the_host_are_counted(void) {
    run_at(0);
    peer_seq = (uint8_t)(peer_seq + 3);
    say1(&mcu, PING, 1, 1);
    CHECK(mcu.lost == 3);
    say1(&mcu, PING, 1, 1);
    CHECK(mcu.lost == 3);
    peer_seq = 200;
    say(&mcu, WHO, "", 0, 2);
    const uint16_t before = mcu.lost;
    welcome(1, 3);
    peer_seq = 90;
    CHECK(mcu.lost == before); /* the first frame of a session counts nothing */
}

static void test_own_frames_are_numbered_over_sessions_and_repeats(void) {
    uint8_t wanted = 0;
    start(0);
    for (uint32_t now = 0; now < 300000; now += 1000) {
        fw_link_tick(&mcu, now);
        CHECK(hear(&mcu).seq == wanted++);
    }
}

static void test_command_longer_than_the_buffer_is_dropped_whole(void) {
    uint8_t wire[FW_RX_MAX + 30];
    run_at(0);
    memset(wire, 'x', sizeof wire);
    for (unsigned size = FW_RX_MAX - 1; size < sizeof wire; size++) {
        const uint16_t before = mcu.bad;
        say_raw(&mcu, wire, size, 1);
        fw_link_receive(&mcu, 0, 1);
        CHECK(mcu.bad == before + 1);
    }
    say1(&mcu, PING, 1, 1);
    CHECK(hear(&mcu).type == PONG);
}

/* The last code does not count for the CRC, so only the length tells that it is wrong. */
static void test_code_past_the_end_is_refused(void) {
    uint8_t wire[FW_WIRE_MAX] = {0, PING, 1, 7};
    run_at(0);
    const uint8_t size = fw_frame_encode(wire, 3);
    CHECK(wire[0] == size - 1);
    for (unsigned code = wire[0] + 1u; code <= 0xFF; code++) {
        wire[0] = (uint8_t)code;
        say_raw(&mcu, wire, size, 1);
    }
    check_silent();
    CHECK(mcu.bad == 0xFF - (size - 1));
    wire[0] = (uint8_t)(size - 1);
    say_raw(&mcu, wire, size, 1);
    CHECK(hear(&mcu).type == PONG);
}

static void test_frame_without_a_number_is_too_short(void) {
    uint8_t wire[FW_WIRE_MAX] = {0, PING};
    run_at(0);
    say_raw(&mcu, wire, fw_frame_encode(wire, 1), 1); /* its CRC is right */
    check_silent();
    say_raw(&mcu, wire, fw_frame_encode(wire, 0), 1);
    check_silent();
    CHECK(mcu.bad == 2);
}

static void test_samples_too_far_apart_do_not_share_a_frame(void) {
    fw_samples samples;
    const int32_t value = 1;
    fw_samples_begin(&samples, 10);
    CHECK(fw_samples_add(&samples, 0, 10 + 65535, &value));
    CHECK(!fw_samples_add(&samples, 0, 10 + 65535 + 65536, &value));
    CHECK(!fw_samples_add(&samples, 0, 10, &value)); /* nor backwards */
}

static void test_overrun_does_not_fill_the_queue(void) {
    run_at(0);
    for (uint32_t now = 1; now < 900; now++) {
        fw_link_sample(&mcu, 99, 1, now);
        fw_link_tick(&mcu, now);
    }
    CHECK(mcu.event_count == 1 && mcu.unreported == 898);
}

static void test_clock_may_wrap(void) {
    run_at(UINT32_MAX - 100);
    CHECK(fw_link_sample(&mcu, 0, 1, UINT32_MAX - 1));
    CHECK(fw_link_sample(&mcu, 0, 2, 3));
    fw_link_tick(&mcu, 3);
    check_silent();
    fw_link_tick(&mcu, FW_FLUSH_MS);
    heard got = hear(&mcu);
    CHECK(got.type == SAMPLES_ && u32_at(got.body) == UINT32_MAX - 1 && got.body[7] == 5);
    fw_link_tick(&mcu, 29000);
    CHECK(fw_link_running(&mcu));
    fw_link_tick(&mcu, 30000);
    CHECK(!fw_link_running(&mcu));
}

static void test_waveform_waits_for_a_free_line(void) {
    const int16_t values[3] = {1, 2, 300};
    const int16_t steep[2] = {INT16_MIN, INT16_MAX};
    const int16_t large[27] = {0, 300};
    run_at(0);
    CHECK(fw_link_run(&mcu, 0, 7, 1000, values, 3));
    CHECK(!fw_link_run(&mcu, 0, 7, 1000, values, 3));
    heard got = hear(&mcu);
    CHECK(got.type == RUN_ && got.body[1] == 2 && got.size == 14 + 4);
    CHECK(!fw_link_run(&mcu, 0, 7, 1000, steep, 2));
    CHECK(!fw_link_run(&mcu, 0, 7, 1000, values, 0));
    CHECK(!fw_link_run(&mcu, 0, 7, 1000, large, 27));
    check_silent();
}

static void test_crash_note_survives_and_is_told_once(void) {
    static fw_crash crash;
    CHECK(fw_crash_take(&crash) == FW_RESET_UNKNOWN);
    memset(&crash, 0xA5, sizeof crash);
    CHECK(fw_crash_take(&crash) == FW_RESET_UNKNOWN);
    fw_crash_note(&crash, FW_RESET_ASSERT, 70000, "a_name_that_is_long.c");
    CHECK(fw_crash_take(&crash) == FW_RESET_ASSERT);
    run_at(0);
    fw_crash_tell(&crash, FW_RESET_ASSERT, &mcu, 1);
    heard got = hear(&mcu);
    CHECK(got.body[1] == FW_EVENT_ASSERT && u32_at(got.body + 6) == 70000);
    CHECK(got.body[10] == 12 && memcmp(got.body + 11, "a_name_that_", 12) == 0);
    CHECK(fw_crash_take(&crash) == FW_RESET_UNKNOWN);
    fw_crash_note(&crash, FW_RESET_WATCHDOG, 0, NULL);
    crash.line ^= 1;
    CHECK(fw_crash_take(&crash) == FW_RESET_UNKNOWN);
}

typedef struct {
    const char *name;
    void (*run)(void);
} test;

#define TEST(name) {#name, test_##name}
static const test TESTS[] = {
    TEST(hello_at_once_and_each_second_behind_a_zero),
    TEST(who_is_answered_at_once_without_a_zero),
    TEST(welcome_gets_the_table_unless_known),
    TEST(welcome_of_another_version_is_answered_hello),
    TEST(late_welcome_changes_nothing),
    TEST(fresh_only_until_the_first_welcome),
    TEST(listening_answers_neither_commands_nor_pings),
    TEST(listening_drops_samples_and_keeps_events),
    TEST(host_silent_for_30_s_is_greeted_anew),
    TEST(any_frame_of_the_host_keeps_the_session),
    TEST(samples_wait_for_company_then_leave),
    TEST(full_frame_leaves_early_and_overflow_is_told),
    TEST(unknown_metric_is_dropped),
    TEST(command_runs_once_however_often_it_is_sent),
    TEST(welcome_forgets_the_number),
    TEST(commands_are_refused_with_a_reason),
    TEST(malformed_commands_are_counted_and_not_run),
    TEST(event_is_repeated_until_its_acknowledgement),
    TEST(full_queue_drops_the_newest_event),
    TEST(one_way_says_all_and_waits_for_nothing),
    TEST(one_way_is_deaf),
    TEST(lost_frames_of_the_host_are_counted),
    TEST(own_frames_are_numbered_over_sessions_and_repeats),
    TEST(command_longer_than_the_buffer_is_dropped_whole),
    TEST(code_past_the_end_is_refused),
    TEST(frame_without_a_number_is_too_short),
    TEST(samples_too_far_apart_do_not_share_a_frame),
    TEST(overrun_does_not_fill_the_queue),
    TEST(clock_may_wrap),
    TEST(waveform_waits_for_a_free_line),
    TEST(crash_note_survives_and_is_told_once),
};

int main(int count, char **arguments) {
    for (unsigned n = 0; n < sizeof TESTS / sizeof *TESTS; n++) {
        if (count == 2 && strcmp(arguments[1], TESTS[n].name) == 0) {
            TESTS[n].run();
            return 0;
        }
    }
    return 2;
}
