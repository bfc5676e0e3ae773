/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_duration.h"

#include "shm/clock.h"

#define DURATION_MAX_NS (86400 * RP_NS_PER_S)

struct unit {
	const char *name;
	int64_t ns;
};

/* Longer names stand before their own beginnings. */
static const struct unit units[] = {
	{"ns", 1},
	{"us", RP_NS_PER_US},
	{"\xc2\xb5s", RP_NS_PER_US},
	{"\xce\xbcs", RP_NS_PER_US},
	{"ms", RP_NS_PER_MS},
	{"s", RP_NS_PER_S},
	{"m", 60 * RP_NS_PER_S},
	{"h", 3600 * RP_NS_PER_S},
};

static const struct unit *take_unit(struct rp_bytes text, size_t *at)
{
	struct rp_bytes rest = rp_bytes_slice(text, *at, text.len);

	for (size_t i = 0; i < RP_ARRAY_LEN(units); i++) {
		struct rp_bytes name = rp_bytes_str(units[i].name);

		if (rp_bytes_starts_with(rest, name)) {
			*at += name.len;
			return &units[i];
		}
	}
	return NULL;
}

int rp_sim_duration_parse(struct rp_bytes text, int64_t *ret_ns)
{
	double total = 0;
	size_t at = 0;

	if (text.len == 0)
		return RP_EFORMAT;
	while (at < text.len) {
		double value = 0;
		double scale = 1;
		size_t digits = 0;
		bool has_point = false;
		const struct unit *unit;

		for (; at < text.len; at++) {
			uint8_t c = text.ptr[at];

			if (c == '.' && !has_point) {
				has_point = true;
			} else if (c >= '0' && c <= '9' && digits < 18) {
				value = value * 10 + (c - '0');
				scale *= has_point ? 10 : 1;
				digits++;
			} else {
				break;
			}
		}
		if (digits == 0)
			return RP_EFORMAT;
		if (at == text.len && digits == text.len) {
			total = value * (double)RP_NS_PER_MS;
			break;
		}
		unit = take_unit(text, &at);
		if (unit == NULL)
			return RP_EFORMAT;
		total += value / scale * (double)unit->ns;
	}
	if (total > (double)DURATION_MAX_NS)
		return RP_EFORMAT;
	*ret_ns = (int64_t)(total + 0.5);
	return RP_OK;
}
