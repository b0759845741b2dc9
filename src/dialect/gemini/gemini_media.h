// SPDX-License-Identifier: MIT
// Pictures, sounds, films and documents as Gemini's parts hold them: inlineData and fileData.
#pragma once

#include <stdbool.h>

#include "dialect/neutral.h"
#include "json/json_writer.h"

// The value of inlineData or of fileData. False: it lacks what it needs.
bool gemini_read_inline_data(const struct json_doc *doc, const struct json_node *data, struct arena *arena,
                             struct media *media_r);
bool gemini_read_file_data(const struct json_doc *doc, const struct json_node *file, struct arena *arena,
                           struct media *media_r);
// By its MIME type.
enum part_kind gemini_media_kind(const struct media *media);

// Writes the member inlineData or fileData. Only of forms BASE64, URL and FILE_ID.
void gemini_write_media(struct json_writer *w, const struct media *media, enum part_kind kind);
