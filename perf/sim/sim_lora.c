/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_lora.h"

#include <stdlib.h>

void rp_sim_loras_init(struct rp_sim_loras *loras, uint32_t max_loras, int64_t wall_s)
{
	*loras = (struct rp_sim_loras){.max_loras = max_loras};
	rp_sim_loras_note(loras, wall_s);
}

static void free_series(struct rp_sim_lora_series *series)
{
	free(series->running_label);
	free(series->waiting_label);
}

void rp_sim_loras_fini(struct rp_sim_loras *loras)
{
	for (uint32_t i = 0; i < loras->count; i++) {
		free(loras->items[i].name);
		free(loras->items[i].path);
	}
	for (uint32_t i = 0; i < loras->series_count; i++)
		free_series(&loras->series[i]);
	free(loras->items);
	free(loras->series);
	*loras = (struct rp_sim_loras){0};
}

static struct rp_sim_lora *find_name(const struct rp_sim_loras *loras, struct rp_bytes name)
{
	for (uint32_t i = 0; i < loras->count; i++)
		if (rp_bytes_equal_str(name, loras->items[i].name))
			return &loras->items[i];
	return NULL;
}

int rp_sim_loras_list(struct rp_sim_loras *loras, struct rp_bytes name, struct rp_bytes path)
{
	struct rp_sim_lora *lora = find_name(loras, name);
	struct rp_sim_lora *grown;
	char *own_path = path.len == 0 ? strdup("") : strndup((const char *)path.ptr, path.len);
	char *own_name;

	if (own_path == NULL)
		return RP_ENOMEM;
	if (lora != NULL) {
		free(lora->path);
		lora->path = own_path;
		lora->is_listed = true;
		return RP_OK;
	}
	if (loras->count == RP_SIM_LORAS_MAX) {
		free(own_path);
		return RP_ETOOBIG;
	}
	own_name = name.len == 0 ? NULL : strndup((const char *)name.ptr, name.len);
	grown = reallocarray(loras->items, loras->count + 1, sizeof(*grown));
	if (grown != NULL)
		loras->items = grown;
	if (own_name == NULL || grown == NULL) {
		free(own_name);
		free(own_path);
		return RP_ENOMEM;
	}
	grown[loras->count++] =
		(struct rp_sim_lora){.name = own_name, .path = own_path, .is_listed = true};
	return RP_OK;
}

void rp_sim_loras_unlist(struct rp_sim_loras *loras, struct rp_bytes name)
{
	struct rp_sim_lora *lora = find_name(loras, name);

	if (lora == NULL)
		return;
	lora->is_listed = false;
	if (lora->is_loaded && lora->running == 0) {
		lora->is_loaded = false;
		loras->loaded_count--;
	}
}

int32_t rp_sim_loras_find(const struct rp_sim_loras *loras, struct rp_bytes name)
{
	const struct rp_sim_lora *lora = find_name(loras, name);

	return lora != NULL && lora->is_listed ? (int32_t)(lora - loras->items) : RP_SIM_LORA_NONE;
}

static struct rp_sim_lora *find_idle(const struct rp_sim_loras *loras)
{
	for (uint32_t i = 0; i < loras->count; i++)
		if (loras->items[i].is_loaded && loras->items[i].running == 0)
			return &loras->items[i];
	return NULL;
}

bool rp_sim_loras_is_loaded(const struct rp_sim_loras *loras, int32_t idx)
{
	return idx == RP_SIM_LORA_NONE || loras->items[idx].is_loaded;
}

bool rp_sim_loras_can_run(const struct rp_sim_loras *loras, int32_t idx)
{
	return rp_sim_loras_is_loaded(loras, idx) || loras->loaded_count < loras->max_loras ||
	       find_idle(loras) != NULL;
}

void rp_sim_loras_acquire(struct rp_sim_loras *loras, int32_t idx)
{
	struct rp_sim_lora *lora = &loras->items[idx];

	RP_ASSERT(rp_sim_loras_can_run(loras, idx));
	if (!lora->is_loaded) {
		if (loras->loaded_count == loras->max_loras)
			find_idle(loras)->is_loaded = false;
		else
			loras->loaded_count++;
		lora->is_loaded = true;
	}
	lora->running++;
}

void rp_sim_loras_release(struct rp_sim_loras *loras, int32_t idx)
{
	struct rp_sim_lora *lora = &loras->items[idx];

	RP_ASSERT(lora->running > 0);
	lora->running--;
	if (lora->running == 0 && !lora->is_listed) {
		lora->is_loaded = false;
		loras->loaded_count--;
	}
}

void rp_sim_loras_set_waiting(struct rp_sim_loras *loras, int32_t idx, bool is_waiting)
{
	if (is_waiting)
		loras->items[idx].waiting++;
	else
		loras->items[idx].waiting--;
}

/* The names of a set, joined by commas. */
static char *make_label(const struct rp_sim_loras *loras, const uint64_t *set)
{
	struct rp_sim_buf buf = {0};

	for (uint32_t i = 0; i < loras->count; i++) {
		if ((set[i / 64] >> (i % 64) & 1) == 0)
			continue;
		if (buf.len > 0)
			RP_SIM_BUF_LIT(&buf, ",");
		rp_sim_buf_add_str(&buf, loras->items[i].name);
	}
	rp_sim_buf_add(&buf, "", 1);
	if (buf.is_failed)
		rp_sim_buf_fini(&buf);
	return (char *)buf.data;
}

static int compare(const struct rp_sim_lora_series *a, const struct rp_sim_lora_series *b)
{
	int order = strcmp(a->running_label, b->running_label);

	return order != 0 ? order : strcmp(a->waiting_label, b->waiting_label);
}

static void drop_oldest(struct rp_sim_loras *loras)
{
	uint32_t oldest = 0;

	for (uint32_t i = 1; i < loras->series_count; i++)
		if (loras->series[i].wall_s < loras->series[oldest].wall_s)
			oldest = i;
	free_series(&loras->series[oldest]);
	loras->series_count--;
	memmove(&loras->series[oldest], &loras->series[oldest + 1],
		(loras->series_count - oldest) * sizeof(*loras->series));
}

/* A series that cannot be had for want of memory is left out; the next transition tries again. */
static void add_series(struct rp_sim_loras *loras, struct rp_sim_lora_series *series)
{
	struct rp_sim_lora_series *grown;
	uint32_t at = 0;

	if (loras->series_count == RP_SIM_LORA_SERIES_MAX)
		drop_oldest(loras);
	series->running_label = make_label(loras, series->running);
	series->waiting_label = make_label(loras, series->waiting);
	grown = reallocarray(loras->series, loras->series_count + 1, sizeof(*grown));
	if (grown != NULL)
		loras->series = grown;
	if (grown == NULL || series->running_label == NULL || series->waiting_label == NULL) {
		free_series(series);
		return;
	}
	while (at < loras->series_count && compare(&grown[at], series) < 0)
		at++;
	memmove(&grown[at + 1], &grown[at], (loras->series_count - at) * sizeof(*grown));
	grown[at] = *series;
	loras->series_count++;
}

void rp_sim_loras_note(struct rp_sim_loras *loras, int64_t wall_s)
{
	struct rp_sim_lora_series now = {.wall_s = wall_s};

	for (uint32_t i = 0; i < loras->count; i++) {
		uint64_t bit = UINT64_C(1) << (i % 64);

		if (loras->items[i].running > 0)
			now.running[i / 64] |= bit;
		if (loras->items[i].waiting > 0)
			now.waiting[i / 64] |= bit;
	}
	for (uint32_t i = 0; i < loras->series_count; i++) {
		struct rp_sim_lora_series *series = &loras->series[i];

		if (memcmp(series->running, now.running, sizeof(now.running)) == 0 &&
		    memcmp(series->waiting, now.waiting, sizeof(now.waiting)) == 0) {
			series->wall_s = wall_s;
			return;
		}
	}
	add_series(loras, &now);
}
