namespace HeadTap.Cli;

/// <summary>What the process tells its caller.</summary>
static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>A defect of this program, with its stack, or a verification that did not pass.</summary>
    public const int Defect = 1;

    /// <summary>The user's input is wrong: one line on stderr.</summary>
    public const int UserError = 2;

    /// <summary>Interrupted; what can be resumed is saved.</summary>
    public const int Interrupted = 130;
}
