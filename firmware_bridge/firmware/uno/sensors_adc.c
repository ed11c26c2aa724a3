/* TMP36 at A0, analogue accelerometer (300 mV per g, 1.65 V at rest) at A1, door contact from D2 to ground. */
#include <avr/io.h>

#include "board.h"

#define DOOR PD2
#define TEMPERATURE 0
#define VIBRATION 1
#define BANDGAP 14
#define BANDGAP_MV 1100UL
#define TO_AVCC _BV(REFS0)

static uint16_t supply_mv = 5000;

static uint16_t convert(uint8_t channel) {
    ADMUX = TO_AVCC | channel;
    ADCSRA |= _BV(ADSC);
    while (ADCSRA & _BV(ADSC)) { /* 104 us */
    }
    return ADC;
}

static uint16_t millivolts(uint8_t channel) { return (uint16_t)((uint32_t)convert(channel) * supply_mv / 1024); }

void sensors_start(void) {
    ADCSRA = _BV(ADEN) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
    PORTD |= _BV(DOOR);
}

int16_t sensors_temperature_centicelsius(void) {
    const uint16_t mv = millivolts(TEMPERATURE);
    return mv < 100 || mv > 1750 ? BOARD_NO_READING : (int16_t)(mv * 10 - 5000);
}

int16_t sensors_vibration_cm_s2(void) {
    /* 3.27 cm/s2 per mV, 0 g at 1.65 V: unsigned until the end, which is smaller and faster here. */
    return (int16_t)((int16_t)((uint32_t)millivolts(VIBRATION) * 327 / 100) - 5396);
}

uint16_t sensors_supply_mv(void) {
    uint8_t settling = 10; /* the bandgap needs about 1 ms after the switch */
    uint16_t raw;
    do {
        raw = convert(BANDGAP);
    } while (--settling);
    if (raw != 0) {
        supply_mv = (uint16_t)(BANDGAP_MV * 1024 / raw);
    }
    return supply_mv;
}

bool sensors_door_open(void) { return (PIND & _BV(DOOR)) != 0; }
