/* A thermometer on A0 (TMP36) and a relay on pin 4, watched by the bridge over USB.
 * Nothing else may print to Serial: the link has the line to itself. */
#include <ForewarnLink.h>

enum { TEMPERATURE, RELAY_ON, METRICS };

const fw_metric TABLE[METRICS] FW_ROM = {
    {FW_GAUGE, 1, -2, 1000, -1000, 8000, "Cel", "temperature"},
    {FW_BOOLEAN, 1, 0, 1000, FW_NO_LIMIT, FW_NO_LIMIT, "", "relay_on"},
};

uint8_t setRelay(fw_call *call) {
    if (call->count != 1 || call->args[0] < 0 || call->args[0] > 1) {
        return FW_BAD_ARGUMENTS;
    }
    digitalWrite(4, call->args[0] ? HIGH : LOW);
    call->value = call->args[0];
    return FW_ACK;
}

const fw_command COMMANDS[] FW_ROM = {{"relay", setRelay}};

const fw_about ABOUT = {TABLE, COMMANDS, METRICS, 1, false, "my-thermometer", "1.0.0"};

ForewarnLink link_to_bridge;

void setup() {
    pinMode(4, OUTPUT);
    Serial.begin(115200);
    link_to_bridge.begin(Serial, ABOUT);
}

void loop() {
    static unsigned long measured_ms;
    link_to_bridge.poll();
    if (millis() - measured_ms >= 1000) {
        measured_ms += 1000;
        const long millivolts = analogRead(A0) * 5000L / 1024;
        if (millivolts < 100 || millivolts > 1750) {
            link_to_bridge.sampleFailed(TEMPERATURE);
        } else {
            link_to_bridge.sample(TEMPERATURE, millivolts * 10 - 5000);
        }
        link_to_bridge.sample(RELAY_ON, digitalRead(4) == HIGH);
    }
}
