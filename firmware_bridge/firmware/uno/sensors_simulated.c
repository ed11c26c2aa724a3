/* Made-up readings of a healthy machine, the same after every reset. */
#include "board.h"

/* One turn of a shaft, in 16 steps of 1 ms; effective value 81 cm/s2. */
static const int8_t TURN[16] = {0, 44, 81, 106, 115, 106, 81, 44, 0, -44, -81, -106, -115, -106, -81, -44};

static uint16_t noise_state;

static int16_t noise(uint8_t mask) {
    noise_state = (uint16_t)(noise_state >> 1 ^ (noise_state & 1 ? 0xB400 : 0));
    return (int16_t)((noise_state & mask) - (mask >> 1));
}

void sensors_start(void) { noise_state = 0xACE1; }

int16_t sensors_temperature_centicelsius(void) { return (int16_t)(4150 + noise(15)); }

int16_t sensors_vibration_cm_s2(void) {
    static uint8_t step;
    step = (uint8_t)((step + 1) % sizeof TURN);
    return (int16_t)(981 + TURN[step] + noise(15));
}

uint16_t sensors_supply_mv(void) { return (uint16_t)(5020 + noise(7)); }

bool sensors_door_open(void) { return false; }
