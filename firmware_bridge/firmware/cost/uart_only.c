/* What a firmware costs before it has the library: the UART driver and an echo. */
#include <avr/interrupt.h>

#include "uart.h"

int main(void) {
    uint8_t byte;
    uart_start();
    sei();
    for (;;) {
        if (uart_received(&byte) && uart_has_room()) {
            uart_send(byte);
        }
    }
}
