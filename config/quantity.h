/* SPDX-License-Identifier: Apache-2.0
 *
 * Scalars of configuration files and flags: Go's durations, bools and ints, Kubernetes' quantities.
 */
#ifndef RP_CONFIG_QUANTITY_H
#define RP_CONFIG_QUANTITY_H

#include "shm/bytes.h"

/**
 * Go's time.ParseDuration: "1h15m", "-1.5s", "300ms", "0".
 * @param[out] ret_ns  nanoseconds, written on RP_OK only
 * @return RP_OK; RP_EFORMAT: malformed, or beyond int64_t
 */
RP_MUST_CHECK int rp_duration_parse(struct rp_bytes text, int64_t *ret_ns);

/**
 * A Kubernetes quantity ("10Mi", "1.5G", "1e3", "100m") as an integer, rounded up, away from zero
 * as Quantity.Value() does.
 * @return RP_OK; RP_EFORMAT: malformed; RP_ETOOBIG: beyond int64_t
 */
RP_MUST_CHECK int rp_quantity_parse(struct rp_bytes text, int64_t *ret_value);

/** A size flag: blanks trimmed, one trailing B or b taken off, then a quantity. */
RP_MUST_CHECK int rp_size_parse(struct rp_bytes text, int64_t *ret_bytes);

/** strconv.ParseBool: 1 t T true TRUE True 0 f F false FALSE False. @return RP_OK or RP_EFORMAT */
RP_MUST_CHECK int rp_bool_parse(struct rp_bytes text, bool *ret_value);

/** An int by Go's rules for base 0: sign, then decimal, 0x, 0o or 0, 0b. @return RP_OK or
 * RP_EFORMAT */
RP_MUST_CHECK int rp_int_parse(struct rp_bytes text, int64_t *ret_value);

/** Duration as Go prints it ("1m40s", "50ms"), always terminated. */
void rp_duration_format(int64_t ns, char *out, size_t out_bytes);

/** Bytes with the largest binary suffix that divides them ("4Mi"), always terminated. */
void rp_size_format(int64_t bytes, char *out, size_t out_bytes);

#endif /* RP_CONFIG_QUANTITY_H */
