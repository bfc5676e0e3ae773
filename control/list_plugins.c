/* SPDX-License-Identifier: Apache-2.0 */
#include "control/list_plugins.h"

#include <stdlib.h>
#include <string.h>

#include "config/catalogue.h"
#include "config/model.h"

enum { EXIT_USAGE = 2 };

static const char usage[] = "usage: ringpick plugins [--json] [TYPE]\n"
			    "       ringpick plugins --schema | --markdown\n";

static const char help[] = "\n"
			   "Lists the plugin types of an EndpointPickerConfig: kind, stability, "
			   "whether they are built, "
			   "and\n"
			   "their parameters with the defaults.\n"
			   "\n"
			   "  TYPE        that one in full\n"
			   "  --json      as JSON\n"
			   "  --schema    a JSON Schema of the whole configuration, for editors\n"
			   "  --markdown  the tables of config/PLUGINS.md\n"
			   "\n"
			   "Exit code: 0 printed, 1 there is no such type, 2 wrong usage.\n";

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_SCHEMA, OUTPUT_MARKDOWN };

/* @return false: wrong usage */
static bool parse(int argc, char *argv[], enum output *ret_output, const char **ret_type)
{
	static const char *const options[] = {
		[OUTPUT_JSON] = "--json",
		[OUTPUT_SCHEMA] = "--schema",
		[OUTPUT_MARKDOWN] = "--markdown",
	};

	*ret_output = OUTPUT_TEXT;
	*ret_type = NULL;
	for (int i = 1; i < argc; i++) {
		uint32_t option = OUTPUT_JSON;

		while (option < RP_ARRAY_LEN(options) && strcmp(argv[i], options[option]) != 0)
			option++;
		if (option < RP_ARRAY_LEN(options) && *ret_output == OUTPUT_TEXT)
			*ret_output = (enum output)option;
		else if (argv[i][0] != '-' && *ret_type == NULL)
			*ret_type = argv[i];
		else
			return false;
	}
	return *ret_type == NULL || *ret_output <= OUTPUT_JSON;
}

static void print(enum output output, enum rp_plugin_type type)
{
	if (output == OUTPUT_JSON)
		rp_catalogue_print_json(stdout, type);
	else if (output == OUTPUT_SCHEMA)
		rp_catalogue_print_schema(stdout);
	else if (output == OUTPUT_MARKDOWN)
		rp_catalogue_print_markdown(stdout);
	else if (type != RP_PLUGIN_TYPE_COUNT)
		rp_catalogue_print_type(stdout, type);
	else
		rp_catalogue_print_all(stdout);
}

int rp_list_plugins_main(int argc, char *argv[])
{
	enum rp_plugin_type type = RP_PLUGIN_TYPE_COUNT;
	enum output output;
	const char *name;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		printf("%s%s", usage, help);
		return EXIT_SUCCESS;
	}
	if (!parse(argc, argv, &output, &name)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (name != NULL && !rp_plugin_type_find(rp_bytes_str(name), &type)) {
		fprintf(stderr,
			"ringpick: there is no plugin type '%s'; `ringpick plugins` lists "
			"them\n",
			name);
		return EXIT_FAILURE;
	}
	print(output, type);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
