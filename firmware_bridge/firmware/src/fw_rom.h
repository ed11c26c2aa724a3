/* Tables that stay in flash: AVR has to be told, other processors address flash like RAM. */
#ifndef FW_ROM_H
#define FW_ROM_H

#include <string.h>

#if defined(__AVR__)
#include <avr/pgmspace.h>
#define FW_ROM PROGMEM
#define fw_rom_copy(to, from, size) memcpy_P((to), (from), (size))
#else
#define FW_ROM
#define fw_rom_copy(to, from, size) memcpy((to), (from), (size))
#endif

#endif
