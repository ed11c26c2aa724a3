#include "uart.h"

#include <avr/interrupt.h>
#include <avr/io.h>

#define RX_SIZE 64 /* powers of two; more than the host sends without a pause (FW_RX_MAX) */
#define TX_SIZE 32

static volatile uint8_t rx[RX_SIZE], rx_in, rx_out;
static volatile uint8_t tx[TX_SIZE], tx_in, tx_out;

ISR(USART_RX_vect) {
    const uint8_t byte = UDR0;
    if ((uint8_t)(rx_in - rx_out) < RX_SIZE) {
        rx[rx_in % RX_SIZE] = byte;
        rx_in++;
    } /* else lost: the frame fails its CRC and is counted */
}

ISR(USART_UDRE_vect) {
    if (tx_in == tx_out) {
        UCSR0B &= (uint8_t)~_BV(UDRIE0);
    } else {
        UCSR0A |= _BV(TXC0); /* writing 1 clears it; it is set when this byte has left */
        UDR0 = tx[tx_out % TX_SIZE];
        tx_out++;
    }
}

void uart_start(void) {
    rx_in = rx_out = tx_in = tx_out = 0;
    UCSR0A = _BV(U2X0);
    UBRR0 = 16; /* 117,647 baud: 2.1 % fast, as every Uno */
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(RXCIE0) | _BV(RXEN0) | _BV(TXEN0);
}

bool uart_received(uint8_t *byte) {
    if (rx_in == rx_out) {
        return false;
    }
    *byte = rx[rx_out % RX_SIZE];
    rx_out++;
    return true;
}

bool uart_has_room(void) { return (uint8_t)(tx_in - tx_out) < TX_SIZE; }

void uart_send(uint8_t byte) {
    tx[tx_in % TX_SIZE] = byte;
    tx_in++;
    UCSR0B |= _BV(UDRIE0);
}

bool uart_drained(void) { return tx_in == tx_out && (UCSR0A & _BV(TXC0)) != 0; }
