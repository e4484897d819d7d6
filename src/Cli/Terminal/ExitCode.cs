namespace HeadTap.Cli;

/// <summary>The exit codes of the process.</summary>
static class ExitCode
{
    /// <summary>The verb succeeded.</summary>
    public const int Done = 0;

    /// <summary>This program has a defect (stderr has the stack), or a verification failed.</summary>
    public const int Defect = 1;

    /// <summary>The user's input is wrong; stderr has one line.</summary>
    public const int UserError = 2;

    /// <summary>A scheduler interrupted the verb, or others still work on what was asked for: the same call
    /// goes on. EX_TEMPFAIL of sysexits.h.</summary>
    public const int Again = 75;

    /// <summary>The user interrupted the verb; its resumable state is saved.</summary>
    public const int Interrupted = 130;
}
