// SPDX-License-Identifier: MIT
// By what a request is told from others in logs and answers.
#pragma once

#include "base/arena.h"
#include "http/h1_head.h"

// The client's x-request-id, if it sent a well-formed one, else a fresh UUID.
struct slice request_id_of(struct arena *arena, const struct h1_request *req);
