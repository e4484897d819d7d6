namespace HeadTap.Jobs;

/// <summary>A job array of Grid Engine.</summary>
static class SgeScript
{
    internal static string Text(ScriptFacts facts) => $$"""
        #!/bin/bash
        # {{facts.What}}. Submit with: qsub FILE
        # Grid Engine runs a task again that ends with code 99, so 75 (interrupted) becomes 99 below.
        # The report, after all tasks:  qsub -hold_jid headtap-sweep REPORT, with in REPORT:
        #   {{facts.Report}}
        #$ -N headtap-sweep
        #$ -S /bin/bash
        #$ -t 1-{{facts.Chunks.Count}}
        #$ -pe smp 4
        #$ -l h_rt=01:00:00
        #$ -r y
        #$ -notify
        #$ -j y
        #$ -o {{facts.Dir}}/logs/
        {{facts.Begin}}
        # The signals of -notify go to this script too, which waits for the program.
        trap : USR1 USR2 TERM
        {{facts.Program}} --array{{facts.Chunk}} --threads "${NSLOTS:-0}"
        code=$?
        [ "$code" -ne 75 ] || code=99
        exit "$code"

        """;
}
