/* Mutated golden bytes, torn and mixed, into the library under the sanitizers: `fuzz_link <inputs> <seed>`.
 *
 * Whatever arrives, what leaves are sound frames numbered without a gap, and a sound frame is understood afterwards. */
#include "golden.h"
#include "peer.h"

static uint32_t state;

static uint32_t random32(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static uint32_t below(uint32_t limit) { return random32() % limit; }

static uint8_t any_command(fw_call *call) {
    volatile int32_t sum = 0;
    for (uint8_t n = 0; n < call->count; n++) {
        sum = (int32_t)((uint32_t)sum + (uint32_t)call->args[n]);
    }
    call->value = sum;
    call->text = below(2) ? "0123456789012345678901234567890123456789" : NULL;
    return (uint8_t)below(5);
}

static const fw_metric TABLE[] = {
    {FW_GAUGE, 1, -2, 1000, -1000, 8000, "Cel", "temperature"},
    {FW_COUNTER, -32768, 9, UINT32_MAX, 0, 8000, "uuuuuuuuuuuu", "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"},
};
static const fw_command COMMANDS[] = {{"relay", any_command}, {"reset", any_command}, {"nnnnnnnnnnnn", any_command}};
static fw_about about = {TABLE, COMMANDS, 2, 3, false, "m", "1"};
static fw_link mcu;
static uint32_t now;
static uint8_t next_seq;

static void listen_to_it(void) {
    for (heard got = hear(&mcu); got.type != 0; got = hear(&mcu)) {
        CHECK(got.seq == next_seq);
        next_seq++;
    }
}

static void feed(const uint8_t *data, unsigned size) {
    while (size--) {
        fw_link_receive(&mcu, *data++, now);
        if (below(8) == 0) {
            listen_to_it();
        }
    }
}

static void mutate_and_feed(const bytes *golden) {
    uint8_t wire[300];
    unsigned size = golden->size < 200 ? golden->size : 200;
    memcpy(wire, golden->data, size);
    for (uint32_t n = below(4); n > 0 && size > 0; n--) {
        const uint32_t at = below(size);
        switch (below(5)) {
        case 0:
            wire[at] = (uint8_t)(wire[at] ^ 1u << below(8));
            break;
        case 1:
            wire[at] = (uint8_t)random32();
            break;
        case 2: /* the rest is missing */
            size = at;
            break;
        case 3: /* a byte is missing */
            memmove(wire + at, wire + at + 1, size - at - 1);
            size--;
            break;
        default: /* a part twice */
            memmove(wire + at + 20, wire + at, size - at);
            size += 20;
        }
    }
    feed(wire, size);
}

/* A frame whose CRC is right and whose body is anything: past the first gate. */
static void forge_and_feed(void) {
    uint8_t body[FW_BODY_MAX];
    const uint8_t size = (uint8_t)below(below(2) ? 32 : FW_BODY_MAX + 1);
    for (uint8_t n = 0; n < size; n++) {
        body[n] = (uint8_t)(below(3) ? below(14) : random32());
    }
    if (below(64) == 0) { /* shorter than any frame */
        uint8_t wire[8] = {0, (uint8_t)(WHO + below(6))};
        say_raw(&mcu, wire, fw_frame_encode(wire, (uint8_t)below(2)), now);
    }
    say(&mcu, (uint8_t)(below(8) ? WHO + below(6) : random32()), body, size, now);
}

static void live(void) {
    int16_t wave[120];
    const uint8_t length = (uint8_t)below(120);
    for (uint8_t n = 0; n < length; n++) {
        wave[n] = (int16_t)below(below(2) ? 100 : 30000);
    }
    now += below(16) ? below(300) : random32();
    fw_link_tick(&mcu, now);
    fw_link_sample(&mcu, (uint8_t)below(4), (int32_t)random32(), now + below(3));
    fw_link_sample_failed(&mcu, (uint8_t)random32(), now);
    fw_link_event(&mcu, (uint8_t)random32(), (int32_t)random32(), below(2) ? "0123456789012345678901234567" : NULL, now);
    fw_link_run(&mcu, (uint8_t)below(3), now, random32(), wave, length);
}

int main(int count, char **arguments) {
    const uint32_t inputs = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 10000;
    uint32_t understood = 0, running = 0;
    state = count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) | 1 : 1;
    fw_link_start(&mcu, &about, FW_RESET_UNKNOWN, now);
    for (uint32_t n = 0; n < inputs; n++) {
        if (below(3)) {
            mutate_and_feed(&FRAMES[below(sizeof FRAMES / sizeof *FRAMES)].wire);
        } else {
            forge_and_feed();
        }
        live();
        running += fw_link_running(&mcu);
        if (below(8) == 0) {
            listen_to_it();
        }
        if (!about.one_way && below(64) == 0) { /* a sound frame behind a delimiter */
            fw_link_receive(&mcu, 0, now);
            say(&mcu, WHO, "", 0, now);
            CHECK(!fw_link_running(&mcu));
            say(&mcu, WELCOME, "\1\1", 2, now);
            CHECK(fw_link_running(&mcu));
            understood++;
        }
        if (below(4096) == 0) { /* the other kind of device */
            listen_to_it();
            about.one_way = below(4) == 0;
            fw_link_start(&mcu, &about, FW_RESET_UNKNOWN, now);
            next_seq = 0;
        }
    }
    printf("%u inputs, %u times greeted and understood, running in %u\n", inputs, understood, running);
    return understood > 0 && running > 0 ? 0 : 1;
}
