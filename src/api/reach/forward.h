// Gives a client what comes through a tunnel from another node, in the form that the node chose.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/http/message.h"
#include "manager/node_reach.h"

namespace shoal::api {

// A whole answer is put together here before it goes on; a longer one is an error.
inline constexpr size_t kCarriedAnswerMax = size_t{4} << 20;

// How a text for people can be put into a stream.
enum class Notice {
  None,    // it is read by programs
  Framed,  // as a frame of Docker's stdcopy
  Plain,   // as it is: a terminal
};

// Follows a stream of stdcopy frames, to know where one may be put in between.
class FrameCursor {
 public:
  void put(std::string_view bytes);
  bool at_boundary() const { return head_bytes_ == 0 && left_ == 0; }

 private:
  size_t head_bytes_ = 0;  // of the present frame's head
  uint32_t length_ = 0;    // the last four bytes of that head
  uint32_t left_ = 0;      // of its content
};

// What tells the client why its stream ends; empty when nothing can be said here.
std::string notice_text(Notice form, const FrameCursor& cursor, std::string_view reason);

// The head of the answer, with whatever bytes came along. Internal when the node sends none.
os::Co<Result<model::ReachOutput>> first_output(manager::NodeReach::Tunnel& tunnel,
                                                os::StopToken stop);
// The three forms of an answer, from its first output on. An answer that breaks off ends with the
// reason, which the client reads in the stream where `notice` allows it.
os::Co<Result<Response>> whole_answer(model::ReachOutput first, manager::NodeReach::Tunnel& tunnel,
                                      os::StopToken stop);
os::Co<Result<void>> forward_stream(model::ReachOutput first, manager::NodeReach::Tunnel& tunnel,
                                    Responder& responder, Notice notice, os::StopToken stop);
os::Co<Result<void>> forward_raw(model::ReachOutput first, manager::NodeReach::Tunnel& tunnel,
                                 Responder& responder, Notice notice, os::StopToken stop);

}  // namespace shoal::api
