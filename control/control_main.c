/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick-control: started by the supervisor as `ringpick-control -- ARGUMENTS`, or by
 * `ringpick check FILE` to validate a configuration.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/check.h"
#include "control/control.h"
#include "control/list_plugins.h"

int main(int argc, char *argv[])
{
	if (argc >= 2 && strcmp(argv[1], "check") == 0)
		return rp_check_main(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "plugins") == 0)
		return rp_list_plugins_main(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "--") == 0)
		return rp_control_run(argc - 1, argv + 1);
	fprintf(stderr, "ringpick-control is started by ringpick; start that one\n");
	return EXIT_FAILURE;
}
