/* How an image begins and prints on a Cortex-M under QEMU: a vector table, the FPU where there
   is one, and two calls of Arm's semihosting. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

extern uint32_t stack_end, data_begin, data_end, data_image, bss_begin, bss_end;
int main(void);
void say(const char *text);
void start(void);

static void host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void say(const char *text) { host(4, text); }

static void end(int status)
{
    const uint32_t fine = 0x20026, fault = 0x20023;
    host(0x18, (const void *)(uintptr_t)(status == 0 ? fine : fault));
    for (;;) continue;
}

/* There is no heap: what does not use the arena fails. */
void *_sbrk(ptrdiff_t size);
void *_sbrk(ptrdiff_t size)
{
    (void)size;
    return (void *)-1;
}

static void fault(void)
{
    say("fault\n");
    end(1);
}

void start(void)
{
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20; /* coprocessors 10 and 11 */
    __asm__ volatile("dsb\n\tisb");
#endif
    memcpy(&data_begin, &data_image, (size_t)((char *)&data_end - (char *)&data_begin));
    memset(&bss_begin, 0, (size_t)((char *)&bss_end - (char *)&bss_begin));
    end(main());
}

__attribute__((section(".vectors"), used)) static const struct {
    void *stack;
    void (*handlers[15])(void);
} vectors = {&stack_end, {start, fault, fault, fault, fault, fault}};
