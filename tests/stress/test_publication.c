/* SPDX-License-Identifier: Apache-2.0
 *
 * One control fills and publishes slots as fast as it can, readers check in each turn that what
 * they read is whole, belongs together and does not change under them. Slots are plain memory: as
 * threads, ThreadSanitizer sees any access that the protocol does not order.
 */
#include "shm/publication.h"
#include "shm/segment.h"
#include "tests/stress/crowd.h"

enum { READERS = 5, WORDS = 256, CONTROL = READERS };

struct slot {
	uint64_t word[WORDS]; /* all the same number */
	uint64_t config;      /* tables: the number of the config they were made for */
};

struct shared {
	struct rp_segment_head head;
	struct rp_publication pub;
	struct slot config[RP_PUBLICATION_SLOTS];
	struct slot table[RP_PUBLICATION_SLOTS];
	_Atomic uint64_t publications;
	_Atomic uint64_t refusals;
	_Atomic uint64_t turns;
};

static struct shared *shared;
static struct rp_segment segment;

/* Each process maps the memfd for itself, at an address of its own. */
static struct shared *attach(void)
{
	struct rp_segment own;

	CROWD_CHECK(rp_segment_attach(segment.fd, RP_SEGMENT_LIVE, true, 1, &own, NULL) == RP_OK);
	return own.base;
}

static void fill(struct slot *slot, uint64_t number, uint64_t config)
{
	for (int i = 0; i < WORDS; i++)
		slot->word[i] = number;
	slot->config = config;
}

static void check(const struct slot *slot, uint64_t number)
{
	for (int i = 0; i < WORDS; i++)
		CROWD_CHECK(slot->word[i] == number);
}

static void control(struct shared *own)
{
	uint64_t seed = (uint64_t)rp_clock_monotonic_ns();
	/* Not a number that a control before this one has used. */
	uint64_t number = seed;

	while (!crowd_is_over()) {
		struct rp_published pair = {0, 0};
		bool is_first = !rp_publication_current(&own->pub, &pair);
		int err = RP_OK;

		number++;
		if (is_first || crowd_draw(&seed, 4) == 0) {
			err = rp_publication_begin_config(&own->pub, &pair.config_slot);
			if (err == RP_OK)
				fill(&own->config[pair.config_slot], number, 0);
		}
		if (err == RP_OK)
			err = rp_publication_begin_table(&own->pub, &pair.table_slot);
		if (err != RP_OK) {
			CROWD_CHECK(err == RP_EAGAIN);
			atomic_fetch_add(&own->refusals, 1);
			sched_yield();
			continue;
		}
		fill(&own->table[pair.table_slot], number, own->config[pair.config_slot].word[0]);
		rp_publication_publish(&own->pub, pair);
		atomic_fetch_add(&own->publications, 1);
	}
}

static void turn(const struct shared *own, uint64_t *seed)
{
	struct rp_published pair;

	if (!rp_publication_current(&own->pub, &pair))
		return;
	const struct slot *config = &own->config[pair.config_slot];
	const struct slot *table = &own->table[pair.table_slot];
	uint64_t number = table->word[0];

	check(table, number);
	CROWD_CHECK(table->config == config->word[0]);
	check(config, table->config);
	if (crowd_draw(seed, 8) == 0)
		sched_yield(); /* a long turn */
	check(table, number);
	check(config, table->config);
}

static void reader(struct shared *own, uint32_t member)
{
	uint64_t seed = (uint64_t)rp_clock_monotonic_ns() + member;

	rp_publication_online(&own->pub, member, 0);
	while (!crowd_is_over()) {
		turn(own, &seed);
		atomic_fetch_add(&own->turns, 1);
		if (crowd_draw(&seed, 16) == 0) {
			rp_publication_offline(&own->pub, member);
			sched_yield();
			rp_publication_online(&own->pub, member, 0);
		} else {
			rp_publication_quiescent(&own->pub, member, 0);
		}
	}
	rp_publication_offline(&own->pub, member);
}

static void work(uint32_t member)
{
	struct shared *own = crowd_has_threads ? shared : attach();

	if (member == CONTROL)
		control(own);
	else
		reader(own, member);
}

static void bury(uint32_t member)
{
	if (member != CONTROL)
		rp_publication_offline(&shared->pub, member);
}

int main(int argc, char **argv)
{
	struct crowd crowd = {3 * RP_NS_PER_S, READERS + 1, work, bury, 0};

	crowd_init(argc, argv);
	CROWD_CHECK(rp_segment_create("stress", RP_SEGMENT_LIVE, sizeof(struct shared), 1,
				      &segment) == RP_OK);
	shared = segment.base;
	rp_publication_init(&shared->pub);
	crowd_run(&crowd);
	printf("printed: %llu publications, %llu put off, %llu turns, %u kills\n",
	       (unsigned long long)shared->publications, (unsigned long long)shared->refusals,
	       (unsigned long long)shared->turns, crowd.kills);
	CROWD_CHECK(shared->publications > 100);
	CROWD_CHECK(shared->turns > 100);
	return 0;
}
