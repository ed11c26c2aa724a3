/* As much of Arduino.h as the library and its sketch use. Built into a temporary folder under that name. */
#ifndef ARDUINO_STUB_H
#define ARDUINO_STUB_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { LOW, HIGH, INPUT, OUTPUT, A0 };

class Stream {
  public:
    int available() { return 0; }
    int read() { return -1; }
    int availableForWrite() { return 64; }
    size_t write(uint8_t byte);
    void begin(unsigned long) {}
};

#ifndef __AVR__
inline size_t Stream::write(uint8_t byte) { return fputc(byte, stdout) == byte; }
#endif

static Stream Serial;
static unsigned long now_ms;
inline unsigned long millis() { return now_ms; }
inline int analogRead(int) { return 150; }
inline int digitalRead(int) { return LOW; }
inline void digitalWrite(int, int) {}
inline void pinMode(int, int) {}

#endif
