/* USART0 of an ATmega328P at 115,200 baud, 8N1, with interrupts and two small rings. */
#ifndef UART_H
#define UART_H

#include <stdbool.h>
#include <stdint.h>

void uart_start(void);
bool uart_received(uint8_t *byte);
bool uart_has_room(void);
void uart_send(uint8_t byte); /* only when it has room */
bool uart_drained(void);      /* the last bit has left */

#endif
