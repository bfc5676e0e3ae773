/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads one plugin's parameters, as rp_config_load() would, without the rest of a configuration.
 */
#ifndef RP_TESTS_UNIT_PARAMS_BED_H
#define RP_TESTS_UNIT_PARAMS_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "config/model.h"
#include "config/param_table.h"

static struct rp_model *model;
static struct rp_config_control control;
static struct rp_diag diag;
static struct rp_yaml_tree tree;
static struct rp_model_plugin plugin;

static int set_up(void **state)
{
	(void)state;
	model = calloc(1, sizeof(*model));
	return model == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	free(model);
	return 0;
}

/* Read the parameters of a type; the tree is freed by the next call or by done(). */
static int read_params(enum rp_plugin_type type, const char *text)
{
	rp_yaml_free(&tree);
	memset(&tree, 0, sizeof(tree));
	memset(model, 0, sizeof(*model));
	memset(&control, 0, sizeof(control));
	memset(&diag, 0, sizeof(diag));
	model->diag = &diag;
	model->control = &control;
	model->pool = (struct rp_pool){model->pool_room, 0, sizeof(model->pool_room)};
	model->profile_count = 2;
	model->profile[0].name = RP_BYTES_LIT("decode");
	model->profile[1].name = RP_BYTES_LIT("prefill");
	assert_int_equal(rp_yaml_parse(rp_bytes_str(text), &tree, &diag), RP_OK);
	plugin = (struct rp_model_plugin){
		.name = RP_BYTES_LIT("p"),
		.type_name = rp_bytes_str(rp_plugin_type_name(type)),
		.type = type,
		.parameters = rp_yaml_root(&tree),
	};
	memset(&plugin.params, 0xa5, sizeof(plugin.params));
	return rp_plugin_read_params(model, &plugin, &control);
}

static void done(void)
{
	rp_yaml_free(&tree);
	memset(&tree, 0, sizeof(tree));
}

#endif /* RP_TESTS_UNIT_PARAMS_BED_H */
