/* SPDX-License-Identifier: Apache-2.0 */
#include "control/series_merge.h"

#include <stdlib.h>

#include "control/prom_write.h"
#include "shm/hash.h"

#define UNPLACED (UINT32_MAX - 1)

static struct rp_bytes value_of(const struct rp_merged_series *series, uint32_t label)
{
	uint32_t begin = label == 0 ? 0 : series->end[label - 1];

	return rp_bytes(series->text + begin, series->end[label] - begin);
}

/* Copy the values into *series, cleaned. */
static int set_values(struct rp_merged_series *series, const struct rp_bytes *values,
		      uint32_t label_count)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < label_count; i++)
		bytes += values[i].len;
	series->text = malloc(bytes + 1);
	if (series->text == NULL)
		return RP_ENOMEM;
	bytes = 0;
	series->hash = 0;
	for (uint32_t i = 0; i < label_count; i++) {
		char *text = series->text + bytes;

		if (values[i].len != 0)
			memcpy(text, values[i].ptr, values[i].len);
		rp_prom_clean(text, values[i].len);
		series->hash = XXH64(text, values[i].len, series->hash + 1);
		bytes += values[i].len;
		series->end[i] = (uint32_t)bytes;
	}
	series->first_member = RP_MERGE_NONE;
	return RP_OK;
}

int rp_series_merge_init(struct rp_series_merge *merge, uint32_t label_count, uint32_t member_max,
			 uint32_t series_max, const struct rp_bytes *other, uint32_t other_count)
{
	RP_ASSERT(label_count <= RP_MERGE_LABELS_MAX);
	RP_ASSERT(other_count >= 1 && other_count <= series_max);
	RP_ASSERT(member_max < UNPLACED);
	*merge = (struct rp_series_merge){
		.label_count = label_count,
		.member_max = member_max,
		.room = series_max,
		.series_max = series_max,
		.series = calloc(series_max, sizeof(*merge->series)),
		.order = calloc(series_max, sizeof(*merge->order)),
		.next = calloc(member_max, sizeof(*merge->next)),
	};
	if (merge->series == NULL || merge->order == NULL || merge->next == NULL)
		goto out;
	for (; merge->count < other_count; merge->count++) {
		if (set_values(&merge->series[merge->count], other + merge->count * label_count,
			       label_count) != RP_OK)
			goto out;
	}
	for (uint32_t i = 0; i < member_max; i++)
		merge->next[i] = UNPLACED;
	return RP_OK;
out:
	rp_series_merge_fini(merge);
	return RP_ENOMEM;
}

void rp_series_merge_fini(struct rp_series_merge *merge)
{
	for (uint32_t i = 0; i < merge->count; i++)
		free(merge->series[i].text);
	free(merge->series);
	free(merge->order);
	free(merge->next);
	*merge = (struct rp_series_merge){0};
}

void rp_series_merge_limit(struct rp_series_merge *merge, uint32_t series_max)
{
	merge->series_max = (uint32_t)rp_min_size(series_max, merge->room);
}

bool rp_series_merge_has(const struct rp_series_merge *merge, uint32_t member)
{
	RP_ASSERT(member < merge->member_max);
	return merge->next[member] != UNPLACED;
}

static bool is_same(const struct rp_series_merge *merge, const struct rp_merged_series *a,
		    const struct rp_merged_series *b)
{
	if (a->hash != b->hash)
		return false;
	for (uint32_t i = 0; i < merge->label_count; i++) {
		if (!rp_bytes_equal(value_of(a, i), value_of(b, i)))
			return false;
	}
	return true;
}

/* The index of the series with these values, made if there is room; takes what *new owns. */
static uint32_t place(struct rp_series_merge *merge, struct rp_merged_series *new, uint32_t other)
{
	uint32_t i = 0;

	while (i < merge->count && !is_same(merge, &merge->series[i], new))
		i++;
	if (i < merge->count || i >= merge->series_max) {
		free(new->text);
		return i < merge->count ? i : other;
	}
	merge->series[merge->count++] = *new;
	merge->is_sorted = false;
	return i;
}

void rp_series_merge_add(struct rp_series_merge *merge, uint32_t member,
			 const struct rp_bytes *values, uint32_t other)
{
	struct rp_merged_series new = {.text = NULL};
	uint32_t i = other;

	RP_ASSERT(!rp_series_merge_has(merge, member));
	if (set_values(&new, values, merge->label_count) == RP_OK)
		i = place(merge, &new, other);
	merge->next[member] = merge->series[i].first_member;
	merge->series[i].first_member = member;
}

/* ---- order ---- */

static int compare_bytes(struct rp_bytes a, struct rp_bytes b)
{
	size_t n = rp_min_size(a.len, b.len);
	int order = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare(const void *left, const void *right, void *user)
{
	const struct rp_series_merge *merge = user;
	const struct rp_merged_series *a = &merge->series[*(const uint32_t *)left];
	const struct rp_merged_series *b = &merge->series[*(const uint32_t *)right];
	int order = 0;

	for (uint32_t i = 0; order == 0 && i < merge->label_count; i++)
		order = compare_bytes(value_of(a, i), value_of(b, i));
	return order;
}

void rp_series_merge_sort(struct rp_series_merge *merge)
{
	if (merge->is_sorted)
		return;
	for (uint32_t i = 0; i < merge->count; i++)
		merge->order[i] = i;
	qsort_r(merge->order, merge->count, sizeof(*merge->order), compare, merge);
	merge->is_sorted = true;
}

static const struct rp_merged_series *at(const struct rp_series_merge *merge, uint32_t rank)
{
	RP_ASSERT(merge->is_sorted);
	RP_ASSERT(rank < merge->count);
	return &merge->series[merge->order[rank]];
}

struct rp_bytes rp_series_merge_value(const struct rp_series_merge *merge, uint32_t rank,
				      uint32_t label)
{
	RP_ASSERT(label < merge->label_count);
	return value_of(at(merge, rank), label);
}

uint32_t rp_series_merge_run(const struct rp_series_merge *merge, uint32_t begin, uint32_t labels)
{
	uint32_t end = begin + 1;

	while (end < merge->count) {
		for (uint32_t i = 0; i < labels; i++) {
			if (!rp_bytes_equal(value_of(at(merge, begin), i),
					    value_of(at(merge, end), i)))
				return end;
		}
		end++;
	}
	return end;
}

uint32_t rp_series_merge_first(const struct rp_series_merge *merge, uint32_t rank)
{
	return at(merge, rank)->first_member;
}

uint32_t rp_series_merge_next(const struct rp_series_merge *merge, uint32_t member)
{
	RP_ASSERT(rp_series_merge_has(merge, member));
	return merge->next[member];
}
