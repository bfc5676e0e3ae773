/* SPDX-License-Identifier: Apache-2.0 */
#include "control/scrape.h"

#include <errno.h>
#include <stdlib.h>

#include "control/http_target.h"
#include "shm/clock.h"
#include "shm/log.h"

enum {
	PHASES = 50,		/* parts of a tick that endpoints are spread over */
	RECV_BYTES = 256 << 10, /* a page of an ordinary server in one receive */
	TICK_MIN_MS = 50,
	GROUP_ENDPOINTS_MAX = 30, /* scraped in one go */
	COLLECT_MAX_MS = 5,	  /* answers wait so long at most to be read together */
};

/* What it takes to read one page. Most pages come in one receive, so that a few of these, always
 * the same and always in the cache, serve all endpoints. */
struct reader {
	struct reader *next; /* of those that are free */
	struct rp_http_response response;
	struct rp_prom_parse parse;
	struct rp_extraction extraction;
};

/* One endpoint. */
struct scraped {
	struct rp_http_target target;
	struct rp_scrape *scrape;
	struct scraped *next; /* of the same phase */
	struct scraped *prev;
	struct scraped *flight_next; /* of those in flight */
	struct scraped *flight_prev;
	const struct rp_engine *engine;
	struct reader *reader; /* of the page that is coming in; NULL: none is */
	uint32_t slot;
	uint32_t generation;
	uint32_t phase;
	uint32_t ticks_left; /* until it is due */
	int64_t started_ns;
	uint64_t seen_in; /* rp_scrape.set_count of the last set that had it */
	uint8_t address_len;
	char address[RP_ENDPOINT_ADDRESS_MAX];
};

struct phase {
	struct scraped *first;
	uint32_t count;
};

struct rp_scrape {
	struct rp_scrape_options options;
	struct rp_engines *engines; /* owned, when made from a rp_control */
	struct rp_http_client client;
	struct rp_events *sockets; /* a loop in the loop: of the connections only */
	struct rp_events_watch sockets_watch;
	bool has_updates; /* figures were written since the epoch moved */
	struct reader *reader_free;
	struct rp_events_timer tick_timer;
	struct rp_events_timer deadline_timer;
	struct scraped *flight_first; /* the oldest scrape in flight; all have the same timeout */
	struct scraped *flight_last;
	int64_t phase_ns;
	uint32_t group; /* phases that are run together; PHASES is a multiple */
	int64_t start_ns;
	uint64_t phase_at; /* phases run since start_ns */
	uint64_t set_count;
	struct rp_scrape_stats stats;
	struct phase phase[PHASES];
	struct scraped *by_slot[RP_ENDPOINTS_MAX];
	uint8_t recv_buffer[RECV_BYTES];
};

/* ---- answers ---- */

static struct rp_http_response *on_answer(struct rp_http_target *target)
{
	struct scraped *s = RP_CONTAINER_OF(target, struct scraped, target);
	struct rp_scrape *scrape = s->scrape;
	struct reader *reader = scrape->reader_free;

	if (reader != NULL) {
		scrape->reader_free = reader->next;
	} else {
		reader = malloc(sizeof(*reader));
		if (reader == NULL)
			return NULL;
		rp_prom_parse_init(&reader->parse);
	}
	s->reader = reader;
	rp_prom_parse_begin(&reader->parse, &s->engine->names, rp_extraction_on_sample,
			    &reader->extraction);
	rp_extraction_begin(&reader->extraction, s->engine);
	return &reader->response;
}

static void give_back_reader(struct scraped *s)
{
	if (s->reader == NULL)
		return;
	s->reader->next = s->scrape->reader_free;
	s->scrape->reader_free = s->reader;
	s->reader = NULL;
}

/* Read whatever has come in. One move of the epoch tells workers of all the pages. */
static void collect(struct rp_scrape *scrape)
{
	int err = rp_events_drain(scrape->sockets);

	RP_ASSERT(err == RP_OK);
	if (scrape->has_updates)
		rp_endpoint_metrics_bump(scrape->options.metrics);
	scrape->has_updates = false;
}

static void on_sockets(struct rp_events_watch *watch, uint32_t events RP_UNUSED)
{
	collect(watch->user);
}

/*
 * Every time that the process wakes up costs as much as a scrape or more. So several phases are run
 * together as long as they have few endpoints, and while that happens every few milliseconds
 * answers wait for the next time. Otherwise they are read as they come.
 */
static void set_rhythm(struct rp_scrape *scrape)
{
	static const uint32_t groups[] = {5, 2, 1};
	struct rp_events *loop = scrape->options.loop;
	uint32_t i = 0;
	int err = RP_OK;

	while (groups[i] > 1 &&
	       (groups[i] * scrape->stats.endpoint_count > GROUP_ENDPOINTS_MAX * PHASES ||
		groups[i] * scrape->phase_ns > COLLECT_MAX_MS * RP_NS_PER_MS))
		i++;
	scrape->group = groups[i];
	if (scrape->stats.endpoint_count >= PHASES / scrape->group &&
	    scrape->group * scrape->phase_ns <= COLLECT_MAX_MS * RP_NS_PER_MS)
		rp_events_unwatch(loop, &scrape->sockets_watch);
	else if (!scrape->sockets_watch.is_watched)
		err = rp_events_watch(loop, &scrape->sockets_watch, rp_events_fd(scrape->sockets),
				      EPOLLIN, on_sockets, scrape);
	if (err != RP_OK)
		RP_LOG(RP_LOG_ERROR, "datalayer", "answers are read at ticks only",
		       RP_F_TEXT("error", rp_err_text(err)));
}

/* ---- scrapes in flight ---- */

static void link_to_flight(struct scraped *s)
{
	struct rp_scrape *scrape = s->scrape;

	s->flight_next = NULL;
	s->flight_prev = scrape->flight_last;
	if (s->flight_prev != NULL)
		s->flight_prev->flight_next = s;
	else
		scrape->flight_first = s;
	scrape->flight_last = s;
	if (!scrape->deadline_timer.is_set)
		rp_events_timer_set(scrape->options.loop, &scrape->deadline_timer,
				    s->started_ns + scrape->options.timeout_ns);
}

static void unlink_from_flight(struct scraped *s)
{
	struct rp_scrape *scrape = s->scrape;

	if (s->flight_prev != NULL)
		s->flight_prev->flight_next = s->flight_next;
	else
		scrape->flight_first = s->flight_next;
	if (s->flight_next != NULL)
		s->flight_next->flight_prev = s->flight_prev;
	else
		scrape->flight_last = s->flight_prev;
}

/* The timer is set once for many scrapes: by the time it fires most of them are over. */
static void on_deadline(struct rp_events_timer *timer)
{
	struct rp_scrape *scrape = timer->user;
	int64_t now_ns = rp_events_now_ns(scrape->options.loop);
	struct scraped *s;

	collect(scrape); /* after a stall answers may have been lying there for long */
	while ((s = scrape->flight_first) != NULL &&
	       now_ns - s->started_ns >= scrape->options.timeout_ns)
		rp_http_target_abort(&s->target, -ETIMEDOUT);
	if (s != NULL)
		rp_events_timer_set(scrape->options.loop, timer,
				    s->started_ns + scrape->options.timeout_ns);
}

/* ---- one scrape ---- */

static int on_body(struct rp_http_target *target, struct rp_bytes piece)
{
	struct scraped *s = RP_CONTAINER_OF(target, struct scraped, target);

	return rp_prom_parse_feed(&s->reader->parse, piece);
}

static void publish(struct scraped *s)
{
	struct rp_scrape *scrape = s->scrape;
	int64_t now_ns = rp_events_now_ns(scrape->options.loop);
	struct rp_endpoint_figures figures;
	bool has_error;

	rp_endpoint_metrics_read(scrape->options.metrics, s->slot, &figures);
	if (rp_extraction_apply(&s->reader->extraction, now_ns, &figures, &has_error)) {
		rp_endpoint_metrics_write(scrape->options.metrics, s->slot, &figures);
		scrape->stats.updates++;
		scrape->has_updates = true;
	}
	if (has_error) {
		scrape->stats.extract_errors++;
		RP_LOG(RP_V4, "datalayer", "extract failed",
		       RP_F_STR("endpoint", rp_bytes(s->address, s->address_len)),
		       RP_F_TEXT("engine", s->reader->extraction.engine->config.name));
	}
}

static void on_done(struct rp_http_target *target, int err)
{
	struct scraped *s = RP_CONTAINER_OF(target, struct scraped, target);

	unlink_from_flight(s);
	if (err == RP_OK)
		err = rp_prom_parse_end(&s->reader->parse);
	if (err == RP_OK) {
		s->scrape->stats.pages++;
		publish(s);
	} else {
		s->scrape->stats.poll_errors++;
		RP_LOG(RP_V4, "datalayer", "dispatch failed",
		       RP_F_STR("endpoint", rp_bytes(s->address, s->address_len)),
		       RP_F_TEXT("error", rp_err_text(err)),
		       RP_F_INT("status", s->reader != NULL ? s->reader->response.status : 0));
	}
	give_back_reader(s);
}

/* ---- ticks ---- */

static void tick(struct scraped *s, int64_t now_ns)
{
	bool is_due = s->ticks_left == 0;

	s->ticks_left = is_due ? s->scrape->options.period_ticks - 1 : s->ticks_left - 1;
	if (!is_due || s->target.is_in_flight)
		return;
	s->started_ns = now_ns;
	link_to_flight(s);
	rp_http_target_fetch(&s->target);
}

/* Wake for the next phase that has endpoints, at the end of its group. */
static void set_tick_timer(struct rp_scrape *scrape)
{
	for (uint64_t i = 0; i < PHASES; i++) {
		uint64_t at = scrape->phase_at + i;

		if (scrape->phase[at % PHASES].count > 0) {
			at += scrape->group - 1 - at % scrape->group;
			rp_events_timer_set(scrape->options.loop, &scrape->tick_timer,
					    scrape->start_ns + (int64_t)at * scrape->phase_ns);
			return;
		}
	}
	rp_events_timer_cancel(scrape->options.loop, &scrape->tick_timer);
}

static void on_tick(struct rp_events_timer *timer)
{
	struct rp_scrape *scrape = timer->user;
	int64_t now_ns = rp_events_now_ns(scrape->options.loop);
	uint64_t due = (uint64_t)((now_ns - scrape->start_ns) / scrape->phase_ns) + 1;

	due -= due % scrape->group; /* a little late for this group is not early for the next */

	collect(scrape);
	/* After a stall of more than a tick each endpoint has missed some: they are not made up
	 * for. */
	if (due > scrape->phase_at + PHASES)
		scrape->phase_at = due - PHASES;
	for (; scrape->phase_at < due; scrape->phase_at++) {
		for (struct scraped *s = scrape->phase[scrape->phase_at % PHASES].first; s != NULL;
		     s = s->next)
			tick(s, now_ns);
	}
	set_tick_timer(scrape);
}

/* ---- endpoints ---- */

static void link_to_phase(struct scraped *s)
{
	struct rp_scrape *scrape = s->scrape;
	struct phase *phase;

	/* The emptiest one; of several the one that is furthest from being run. */
	s->phase = (uint32_t)((scrape->phase_at + PHASES - 1) % PHASES);
	for (uint32_t i = 2; i <= PHASES; i++) {
		uint32_t other = (uint32_t)((scrape->phase_at + PHASES - i) % PHASES);
		if (scrape->phase[other].count < scrape->phase[s->phase].count)
			s->phase = other;
	}
	phase = &scrape->phase[s->phase];
	s->prev = NULL;
	s->next = phase->first;
	if (s->next != NULL)
		s->next->prev = s;
	phase->first = s;
	phase->count++;
}

static void unlink_from_phase(struct scraped *s)
{
	struct phase *phase = &s->scrape->phase[s->phase];

	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		phase->first = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	phase->count--;
}

static void remove_endpoint(struct scraped *s)
{
	unlink_from_phase(s);
	if (s->target.is_in_flight)
		unlink_from_flight(s);
	rp_http_target_fini(&s->target);
	give_back_reader(s);
	s->scrape->by_slot[s->slot] = NULL;
	s->scrape->stats.endpoint_count--;
	free(s);
}

static int add_endpoint(struct rp_scrape *scrape, const struct rp_endpoint *endpoint,
			struct scraped **ret_scraped)
{
	struct rp_bytes address = rp_endpoint_address(endpoint);
	uint16_t port = scrape->options.port != 0 ? scrape->options.port : endpoint->port;
	struct scraped *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return RP_ENOMEM;
	err = rp_http_target_init(&s->target, &scrape->client, rp_endpoint_ip(endpoint), port,
				  scrape->options.path);
	if (err != RP_OK) {
		free(s);
		return err;
	}
	s->scrape = scrape;
	s->slot = endpoint->slot;
	s->generation = endpoint->generation;
	s->address_len = (uint8_t)address.len;
	memcpy(s->address, address.ptr, address.len);
	link_to_phase(s);
	scrape->by_slot[s->slot] = s;
	scrape->stats.endpoint_count++;
	*ret_scraped = s;
	return RP_OK;
}

/* The label's value, empty if the endpoint has no such label. */
static struct rp_bytes find_label(const struct rp_endpoint_table *table,
				  const struct rp_endpoint *endpoint, const char *key)
{
	for (uint32_t i = 0; i < endpoint->label_count; i++) {
		const struct rp_endpoint_label *label = &table->label[endpoint->label_first + i];

		if (rp_bytes_equal_str(rp_endpoint_table_borrow_str(table, label->key), key))
			return rp_endpoint_table_borrow_str(table, label->value);
	}
	return rp_bytes(NULL, 0);
}

static const struct rp_engine *choose_engine(const struct rp_scrape *scrape,
					     const struct rp_endpoint_table *table,
					     const struct rp_endpoint *endpoint)
{
	struct rp_bytes name = find_label(table, endpoint, scrape->options.engine_label_key);

	if (name.len == 0)
		name = find_label(table, endpoint, RP_ENGINE_LEGACY_LABEL);
	return rp_engines_borrow(scrape->options.engines, name);
}

void rp_scrape_set_endpoints(struct rp_scrape *scrape, const struct rp_endpoint_table *table)
{
	int64_t now_ns = rp_events_now_ns(scrape->options.loop);

	scrape->set_count++;
	if (!scrape->tick_timer.is_set) { /* idle so far: no phase has passed */
		scrape->start_ns = now_ns;
		scrape->phase_at = 1;
	}
	for (uint32_t i = 0; scrape->options.is_on && i < table->endpoint_count; i++) {
		const struct rp_endpoint *endpoint = &table->endpoint[i];
		struct scraped *s;
		int err = RP_OK;

		RP_ASSERT(endpoint->slot < RP_ENDPOINTS_MAX);
		s = scrape->by_slot[endpoint->slot];
		if (s != NULL && (s->generation != endpoint->generation ||
				  !rp_bytes_equal(rp_bytes(s->address, s->address_len),
						  rp_endpoint_address(endpoint)))) {
			remove_endpoint(s);
			s = NULL;
		}
		if (s == NULL)
			err = add_endpoint(scrape, endpoint, &s);
		if (err != RP_OK) {
			RP_LOG(RP_LOG_ERROR, "datalayer", "endpoint cannot be scraped",
			       RP_F_STR("endpoint", rp_endpoint_address(endpoint)),
			       RP_F_TEXT("error", rp_err_text(err)));
			continue;
		}
		s->seen_in = scrape->set_count;
		/* A scrape in flight ends with the engine that it began with. */
		s->engine = choose_engine(scrape, table, endpoint);
	}
	for (uint32_t slot = 0; slot < RP_ENDPOINTS_MAX; slot++) {
		struct scraped *s = scrape->by_slot[slot];

		if (s != NULL && s->seen_in != scrape->set_count)
			remove_endpoint(s);
	}
	set_rhythm(scrape);
	set_tick_timer(scrape);
}

/* ---- the whole ---- */

int rp_scrape_new_with(const struct rp_scrape_options *options, struct rp_scrape **ret_scrape)
{
	struct rp_scrape *scrape = calloc(1, sizeof(*scrape));
	int err;

	if (scrape == NULL)
		return RP_ENOMEM;
	err = rp_events_new(&scrape->sockets);
	if (err != RP_OK) {
		free(scrape);
		return err;
	}
	RP_ASSERT(options->tick_ns >= PHASES);
	RP_ASSERT(options->period_ticks >= 1);
	RP_ASSERT(options->timeout_ns > 0);
	scrape->options = *options;
	scrape->phase_ns = options->tick_ns / PHASES;
	scrape->group = 1;
	scrape->client = (struct rp_http_client){
		.loop = scrape->sockets,
		.recv_buffer = scrape->recv_buffer,
		.recv_bytes = sizeof(scrape->recv_buffer),
		.on_answer = on_answer,
		.on_body = on_body,
		.on_done = on_done,
	};
	rp_events_timer_init(&scrape->tick_timer, on_tick, scrape);
	rp_events_timer_init(&scrape->deadline_timer, on_deadline, scrape);
	*ret_scrape = scrape;
	return RP_OK;
}

/* Ticks from --refresh-metrics-interval and the source's own interval (data layer reference 9.1).
 */
static void set_pace(struct rp_scrape_options *options, int64_t base_ns, int64_t interval_ns)
{
	int64_t tick_ns = base_ns;

	if (interval_ns > 0 && interval_ns < tick_ns)
		tick_ns = interval_ns;
	if (tick_ns < TICK_MIN_MS * RP_NS_PER_MS) {
		tick_ns = TICK_MIN_MS * RP_NS_PER_MS;
		RP_LOG(RP_V1, "datalayer", "scrape tick raised to its minimum",
		       RP_F_INT("milliseconds", TICK_MIN_MS));
	}
	options->tick_ns = tick_ns;
	options->period_ticks = 1;
	if (interval_ns > tick_ns) {
		int64_t ticks = (interval_ns + tick_ns / 2) / tick_ns;

		options->period_ticks = ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
		if (ticks * tick_ns != interval_ns)
			RP_LOG(RP_V1, "datalayer", "scrape interval rounded to whole ticks",
			       RP_F_INT("milliseconds", ticks * tick_ns / RP_NS_PER_MS));
	}
}

int rp_scrape_new(struct rp_control *control, struct rp_scrape **ret_scrape)
{
	const struct rp_config_control *config = &control->config;
	struct rp_scrape_options options = {
		.loop = control->loop,
		.metrics = &control->shared.live->metrics,
		.path = config->scrape_path,
		.engine_label_key = config->engine_label_key,
		.port = config->scrape_port,
		.is_on = config->has_metrics_source,
		.timeout_ns = RP_SCRAPE_TIMEOUT_S * RP_NS_PER_S,
	};
	struct rp_diag diag = {.line = 0};
	struct rp_engines *engines;
	int err;

	set_pace(&options, control->flags.refresh_metrics_interval, config->scrape_interval_ns);
	err = rp_engines_new(config->engine, config->engine_count, config->default_engine, &engines,
			     &diag);
	if (err != RP_OK) {
		RP_LOG(RP_LOG_ERROR, "datalayer", "invalid engine configuration",
		       RP_F_TEXT("error", diag.message));
		return err;
	}
	options.engines = engines;
	err = rp_scrape_new_with(&options, ret_scrape);
	if (err != RP_OK) {
		rp_engines_free(engines);
		return err;
	}
	(*ret_scrape)->engines = engines;
	return RP_OK;
}

const struct rp_scrape_stats *rp_scrape_stats(const struct rp_scrape *scrape)
{
	return &scrape->stats;
}

void rp_scrape_free(struct rp_scrape *scrape)
{
	if (scrape == NULL)
		return;
	for (uint32_t slot = 0; slot < RP_ENDPOINTS_MAX; slot++) {
		if (scrape->by_slot[slot] != NULL)
			remove_endpoint(scrape->by_slot[slot]);
	}
	rp_events_timer_cancel(scrape->options.loop, &scrape->tick_timer);
	rp_events_timer_cancel(scrape->options.loop, &scrape->deadline_timer);
	rp_events_unwatch(scrape->options.loop, &scrape->sockets_watch);
	rp_events_free(scrape->sockets);
	while (scrape->reader_free != NULL) {
		struct reader *reader = scrape->reader_free;

		scrape->reader_free = reader->next;
		rp_prom_parse_fini(&reader->parse);
		free(reader);
	}
	rp_engines_free(scrape->engines);
	free(scrape);
}
