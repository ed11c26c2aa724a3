/* Sizes of the library. Each may be given on the compiler's command line instead (-DFW_RX_MAX=64). */
#ifndef FW_CONFIG_H
#define FW_CONFIG_H

/* Longest wire form that this MCU takes, delimiter included (24..126). */
#ifndef FW_RX_MAX
#define FW_RX_MAX 40
#endif

/* Pause that the host keeps after each frame it sends, for MCUs with a small receive buffer. */
#ifndef FW_RX_GAP_MS
#define FW_RX_GAP_MS 5
#endif

/* Highest number of metrics (1..32); four bytes of RAM each. */
#ifndef FW_METRICS_MAX
#define FW_METRICS_MAX 8
#endif

/* Body of one SAMPLES frame while it is being filled (24..120). */
#ifndef FW_SAMPLES_MAX
#define FW_SAMPLES_MAX 64
#endif

/* Events that wait for their acknowledgement (2 or more). */
#ifndef FW_EVENTS_MAX
#define FW_EVENTS_MAX 4
#endif

/* Samples wait at most this long for others to share their frame (1000 or less). */
#ifndef FW_FLUSH_MS
#define FW_FLUSH_MS 250
#endif

#if FW_RX_MAX < 24 || FW_RX_MAX > 126
#error "FW_RX_MAX is 24..126"
#endif
#if FW_METRICS_MAX < 1 || FW_METRICS_MAX > 32
#error "FW_METRICS_MAX is 1..32"
#endif
#if FW_SAMPLES_MAX < 24 || FW_SAMPLES_MAX > 120
#error "FW_SAMPLES_MAX is 24..120"
#endif
#if FW_EVENTS_MAX < 2 || FW_EVENTS_MAX > 64
#error "FW_EVENTS_MAX is 2..64"
#endif
#if FW_FLUSH_MS > 1000
#error "FW_FLUSH_MS is 1000 or less"
#endif

#endif
