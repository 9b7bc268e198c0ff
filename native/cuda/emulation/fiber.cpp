#include "cuda/emulation/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

// Keeps what a callee must keep on the stack, leaves the stack in *from and takes up the one in `to`.
extern "C" void l4r_switch(void** from, void* to) __asm__("l4r_switch");
// Where a new stack begins: its function and argument lie in two of the kept registers.
extern "C" void l4r_begin() __asm__("l4r_begin");

#if defined(__x86_64__)
__asm__(R"(
.text
.globl l4r_switch
l4r_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.globl l4r_begin
l4r_begin:
  movq %r13, %rdi
  callq *%r12
  ud2
)");
#elif defined(__aarch64__)
__asm__(R"(
.text
.globl l4r_switch
l4r_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.globl l4r_begin
l4r_begin:
  mov x0, x20
  blr x19
  brk #0
)");
#else
#error "fibers are written for x86-64 and AArch64"
#endif

namespace l4r::cuda::emulation {

Fiber::Fiber(void (*body)(void*), void* argument) : own_(nullptr), caller_(nullptr) {
  stack_ = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (stack_ == MAP_FAILED) throw std::bad_alloc();
  auto** const top = reinterpret_cast<void**>(static_cast<char*>(stack_) + kStackBytes);
#if defined(__x86_64__)
  // r15, r14, r13, r12, rbx, rbp, then the address that `ret` takes; l4r_begin calls with an aligned stack.
  void** const frame = top - 9;
  frame[2] = argument;
  frame[3] = reinterpret_cast<void*>(body);
  frame[6] = reinterpret_cast<void*>(&l4r_begin);
#else
  void** const frame = top - 20;
  frame[0] = reinterpret_cast<void*>(body);
  frame[1] = argument;
  frame[11] = reinterpret_cast<void*>(&l4r_begin);
#endif
  own_ = frame;
}

Fiber::~Fiber() { munmap(stack_, kStackBytes); }

void Fiber::resume() { l4r_switch(&caller_, own_); }

void Fiber::yield() { l4r_switch(&own_, caller_); }

}  // namespace l4r::cuda::emulation
