// SPDX-License-Identifier: MIT
#include "load.h"

int main(int argc, char **argv)
{
    struct load_options options;
    load_options_init(&options, argc, argv);
    int status = options.mode == LOAD_FIRST ? load_first_answer(&options) : load_run(&options);
    load_options_deinit(&options);
    return status;
}
