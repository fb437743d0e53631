// Answers that may be long: the objects are gathered in turns, so that the loop is never held, and
// filtered and encoded on the pool (architecture, law 1).
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/http/message.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::api {

// Objects gathered or visited between two turns of the loop.
inline constexpr size_t kGatherTurn = 2000;
// Of memory, for an object in a list and its text: a guess.
inline constexpr size_t kListedBytes = 1536;
// A list up to this length is encoded at once: handing it over would cost more.
inline constexpr size_t kEncodeInlineMax = 8;

// Before objects are gathered for a list of about this length: waits for memory for it.
inline os::Co<Result<void>> reserve_list(Responder& responder, size_t count) {
  if (count <= kEncodeInlineMax) co_return Result<void>{};
  co_return co_await responder.reserve(count * kListedBytes);
}

// Runs `encode` (which returns the JSON text) here or on the pool. It must own what it reads.
template <class Encode>
os::Co<Result<void>> answer_list(os::Loop& loop, Responder& responder, size_t count,
                                 Encode encode) {
  std::string text;
  if (count <= kEncodeInlineMax) {
    text = encode();
  } else {
    text = co_await loop.offload([&encode] { return encode(); });
  }
  responder.json(200, std::move(text));
  co_return Result<void>{};
}

}  // namespace shoal::api
