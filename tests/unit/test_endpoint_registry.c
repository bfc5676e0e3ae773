/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/endpoint_registry.h"

static struct rp_endpoint_registry registry;
static const int64_t rest_ns = RP_SLOT_REST_S * RP_NS_PER_S;

static int setup(void **state)
{
	(void)state;
	memset(&registry, 0, sizeof(registry));
	return 0;
}

struct taken {
	int err;
	uint32_t slot;
	uint32_t generation;
	bool is_new;
};

static bool yes(void *user, uint32_t slot)
{
	(void)user;
	(void)slot;
	return true;
}

static bool not_this(void *user, uint32_t slot)
{
	return slot != *(const uint32_t *)user;
}

static struct taken take(const char *name, uint32_t endpoints_max, int64_t now_ns)
{
	struct taken taken = {.slot = UINT32_MAX};

	taken.err = rp_endpoint_registry_take(&registry, RP_BYTES_LIT("ns"), rp_bytes_str(name),
					      endpoints_max, now_ns, yes, NULL, &taken.slot,
					      &taken.generation, &taken.is_new);
	return taken;
}

static void identity_keeps_its_slot(void **state)
{
	(void)state;
	struct taken a = take("a", 10, 0);
	struct taken b = take("b", 10, 0);
	struct taken again = take("a", 10, 0);

	assert_int_equal(a.err, RP_OK);
	assert_true(a.is_new && b.is_new && !again.is_new);
	assert_int_equal(a.generation, 1);
	assert_int_not_equal(a.slot, b.slot);
	assert_int_equal(again.slot, a.slot);
	assert_int_equal(again.generation, 1);
}

static void same_name_elsewhere_is_another_identity(void **state)
{
	(void)state;
	struct taken a = take("a", 10, 0);
	struct taken b = {0};

	assert_int_equal(rp_endpoint_registry_take(&registry, RP_BYTES_LIT("other"),
						   RP_BYTES_LIT("a"), 10, 0, yes, NULL, &b.slot,
						   &b.generation, &b.is_new),
			 RP_OK);
	assert_int_not_equal(a.slot, b.slot);
}

static void identity_that_comes_back_gets_its_old_slot(void **state)
{
	(void)state;
	struct taken a = take("a", 10, 0);
	struct taken back;

	rp_endpoint_registry_release(&registry, a.slot, 5);
	assert_int_equal(registry.slot[a.slot].is_used, 0);
	back = take("a", 10, 100 * rest_ns);
	assert_int_equal(back.slot, a.slot);
	assert_int_equal(back.generation, a.generation);
	assert_false(back.is_new);
	assert_int_equal(registry.slot[a.slot].is_used, 1);
}

static void slot_rests_before_another_identity_gets_it(void **state)
{
	(void)state;
	struct taken a = take("a", 1, 0);
	struct taken b;

	assert_int_equal(take("b", 1, 0).err, RP_ETOOBIG);
	rp_endpoint_registry_release(&registry, a.slot, 1000);
	assert_int_equal(take("b", 1, 1000 + rest_ns - 1).err, RP_ETOOBIG);
	b = take("b", 1, 1000 + rest_ns);
	assert_int_equal(b.err, RP_OK);
	assert_int_equal(b.slot, a.slot);
	assert_int_equal(b.generation, 2);
	assert_true(b.is_new);
	/* The old identity is forgotten. */
	assert_int_equal(take("a", 1, 1000 + rest_ns).err, RP_ETOOBIG);
}

static void slot_with_requests_in_flight_is_not_reused(void **state)
{
	(void)state;
	struct taken a = take("a", 3, 0);
	struct taken b = take("b", 3, 0);
	struct taken c = {0};

	rp_endpoint_registry_release(&registry, a.slot, 0);
	rp_endpoint_registry_release(&registry, b.slot, 1);
	assert_int_equal(rp_endpoint_registry_take(&registry, RP_BYTES_LIT("ns"), RP_BYTES_LIT("c"),
						   3, 2 * rest_ns, not_this, &a.slot, &c.slot,
						   &c.generation, &c.is_new),
			 RP_OK);
	assert_int_equal(c.slot, b.slot);
	/* Otherwise the one longest at rest goes first, and a rested one before a fresh one. */
	assert_int_equal(take("d", 3, 2 * rest_ns).slot, a.slot);
	assert_int_equal(take("e", 3, 2 * rest_ns).slot, 2);
}

static void generation_skips_zero(void **state)
{
	(void)state;
	struct taken a = take("a", 1, 0);

	registry.slot[a.slot].generation = UINT32_MAX;
	rp_endpoint_registry_release(&registry, a.slot, 0);
	assert_int_equal(take("b", 1, rest_ns).generation, 1);
}

static void names_too_long_are_refused(void **state)
{
	(void)state;
	char big[RP_ENDPOINT_NAME_MAX + 1];

	memset(big, 'x', sizeof(big));
	big[RP_ENDPOINT_NAME_MAX] = '\0';
	assert_int_equal(take(big, 10, 0).err, RP_ETOOBIG);
	big[RP_ENDPOINT_NAME_MAX - 1] = '\0';
	assert_int_equal(take(big, 10, 0).err, RP_OK);
	assert_int_equal(take(big, 10, 0).slot, 0);
}

static void all_slots_can_be_taken(void **state)
{
	(void)state;
	char name[32];

	for (uint32_t i = 0; i < RP_ENDPOINTS_MAX; i++) {
		snprintf(name, sizeof(name), "pod-%u", i);
		assert_int_equal(take(name, RP_ENDPOINTS_MAX, 0).slot, i);
	}
	assert_int_equal(take("more", RP_ENDPOINTS_MAX, 0).err, RP_ETOOBIG);
	assert_int_equal(take("pod-16383", RP_ENDPOINTS_MAX, 0).slot, 16383);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(identity_keeps_its_slot, setup),
		cmocka_unit_test_setup(same_name_elsewhere_is_another_identity, setup),
		cmocka_unit_test_setup(identity_that_comes_back_gets_its_old_slot, setup),
		cmocka_unit_test_setup(slot_rests_before_another_identity_gets_it, setup),
		cmocka_unit_test_setup(slot_with_requests_in_flight_is_not_reused, setup),
		cmocka_unit_test_setup(generation_skips_zero, setup),
		cmocka_unit_test_setup(names_too_long_are_refused, setup),
		cmocka_unit_test_setup(all_slots_can_be_taken, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
