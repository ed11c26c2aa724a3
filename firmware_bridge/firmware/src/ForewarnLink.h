/* The link for Arduino sketches: reads and writes any Stream (Serial, Serial1, SoftwareSerial …). */
#ifndef FOREWARN_LINK_H
#define FOREWARN_LINK_H

#include <Arduino.h>

#include "fw_crash.h"
#include "fw_link.h"

class ForewarnLink {
  public:
    /* `about` must live as long as this object; the stream is begun by the sketch. */
    void begin(Stream &stream, const fw_about &about, uint8_t reset = FW_RESET_UNKNOWN) {
        _stream = &stream;
        fw_link_start(&_link, &about, reset, millis());
    }

    /* Call it in each loop(): hears, keeps the timers, says what the stream has room for. Never waits. */
    void poll() {
        while (_stream->available() > 0) {
            fw_link_receive(&_link, (uint8_t)_stream->read(), millis());
        }
        fw_link_tick(&_link, millis());
        while (_stream->availableForWrite() > 0) {
            const int16_t next = fw_link_next_byte(&_link);
            if (next < 0) {
                break;
            }
            _stream->write((uint8_t)next);
        }
    }

    bool sample(uint8_t metric, int32_t raw) { return fw_link_sample(&_link, metric, raw, millis()); }
    bool sampleFailed(uint8_t metric) { return fw_link_sample_failed(&_link, metric, millis()); }
    bool event(uint8_t kind, int32_t value = 0, const char *text = nullptr) {
        return fw_link_event(&_link, kind, value, text, millis());
    }
    bool running() const { return fw_link_running(&_link); }
    bool idle() const { return fw_link_idle(&_link); }
    /* Rises when the bridge begins to listen: send the metrics "on change" again. */
    uint8_t sessions() const { return _link.sessions; }
    fw_link *raw() { return &_link; }

  private:
    Stream *_stream = nullptr;
    fw_link _link;
};

#endif
