// Room: what all connections of a server share, so that no client can take it all: the memory of
// requests that are still coming and of long answers, and who may be hung up for somebody else.
//
// Memory is counted, not owned: a Share gives back what it counted. What a connection needs for an
// ordinary request (kInputFloor) it always gets; more only while the sum of all is below the limit.
// A connection that waits for its client stands in one of two lines, the longest first: idle (no
// request has begun) or stalled (in the middle of one). When somebody needs its place or its memory
// the first is hung up.
//
// On the control thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <set>
#include <utility>

#include "base/result.h"
#include "base/time.h"
#include "os/co.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::api {

class Connection;

// What one connection may hold of requests, whatever the others do.
inline constexpr size_t kInputFloor = size_t{8} << 10;
// A client that takes or gives less than this while somebody needs its place is stalled.
inline constexpr size_t kProgressBytes = size_t{64} << 10;

struct RoomLimits {
  size_t input_bytes_max = size_t{32} << 20;    // of requests beyond each one's floor
  size_t answers_bytes_max = size_t{48} << 20;  // of long answers
  Duration stalled_min = 3s;                    // before it is hung up for somebody's memory
  Duration answer_wait_max = 60s;               // for memory for a long answer
};

class Room {
 public:
  Room(os::Loop& loop, const RoomLimits& limits) : loop_(loop), limits_(limits) {}
  Room(const Room&) = delete;

  // A count that ends with the object.
  class Share {
   public:
    explicit Share(size_t& total) : total_(&total) {}
    Share(const Share&) = delete;
    ~Share() { set(0); }
    size_t bytes() const { return bytes_; }
    void set(size_t bytes) {
      *total_ += bytes - bytes_;
      bytes_ = bytes;
    }

   private:
    size_t* total_;
    size_t bytes_ = 0;
  };

  // Memory of requests.
  size_t& input() { return input_; }
  bool has_input_room() const { return input_ < limits_.input_bytes_max; }
  // Those who stopped reading for want of memory; told when there is some again.
  void wait_for_input(Connection& connection) { hungry_.insert(&connection); }
  void forget(Connection& connection) { hungry_.erase(&connection); }
  void input_given();

  // Memory of answers. Waits for its turn, the newest first; hangs up stalled readers meanwhile.
  // Unavailable when there is none in time, Cancelled when `stop` came first. At the end the caller
  // says set(0) and answer_given().
  size_t& answers() { return answers_; }
  os::Co<Result<void>> reserve(Share& share, size_t bytes, os::StopToken stop);
  void answer_given();

  // A connection in a line, from construction to destruction.
  enum class Line { Idle, Stalled };
  class Waiting {
   public:
    Waiting(Room& room, Connection& connection, Line line);
    ~Waiting();
    Waiting(const Waiting&) = delete;
    // The client gives or takes; enough of it, and it goes to the end of the line.
    void progress(size_t bytes);
    // True the first time, and once after each time that it went to the end.
    bool is_renewed() { return std::exchange(renewed_, false); }

   private:
    friend class Room;
    struct Entry {
      Connection* connection;
      Time since;
    };
    Room& room_;
    std::list<Entry>& line_;
    std::list<Entry>::iterator at_;
    size_t bytes_ = 0;
    bool renewed_ = true;
  };
  // Hangs up the one that has waited longest, of both lines; false when there is none. Whoever is
  // in the middle of a conversation has not waited longest, nor has one whose next request is here
  // already and was only not read yet.
  bool hang_up_one();
  // A stalled one, if it has been for stalled_min.
  bool hang_up_stalled();

  // Requests that are being handled, without those whose body is awaited.
  size_t handling = 0;

 private:
  struct Asking {
    size_t bytes;
    Share* share;
    os::OneShot<bool> granted;
  };
  void let_those_pass_who_ask();
  bool fits(size_t bytes) const;
  os::Co<> press(os::OneShot<bool> granted, os::StopToken over);

  os::Loop& loop_;
  const RoomLimits& limits_;
  size_t input_ = 0;
  size_t answers_ = 0;
  std::set<Connection*> hungry_;
  std::list<Asking> asking_;
  std::list<Waiting::Entry> idle_, stalled_;
};

}  // namespace shoal::api
