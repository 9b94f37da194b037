"""The table in which the face losses of the book stand together: its rows and columns.

`trials/face_losses.py` runs what it shows; each chapter on a face loss displays it by
`repro.trials.beside("face_losses", *TABLE)`.
"""

#: What a loss is called, and the trial that judges it. Constants are the published ones; the
#: strength of the two pulls, which have none, is tuned like a rate.
LOSSES = {
    "softmax": "softmax",
    "NormFace, learned scale": "normface",
    "C-triplet, m = 0.8": "c-triplet",
    "NormFace, s = 30, no margin": "no-margin",
    "AM-Softmax, s = 30, m = 0.35": "am-softmax",
    "the same, features not normalised": "am-softmax-lengths",
    "A-Softmax": "a-softmax",
    "ArcFace, s = 64, m = 0.5": "arcface",
    "AM-Softmax, targeted pull (IntraLoss, ours)": "intraloss-tuned",
    "AM-Softmax, uniform pull (center loss)": "center-tuned",
    "SFace, a = 0.87, b = 1.2": "sface",
}
#: What a column is called, its quantity, and what is added to the name of the trial.
MEASURES = {
    "TAR (%)": ("tar", ""),
    "64 epochs": ("tar", "-longer"),
    "at FAR 0.1 %": ("strict", ""),
    "EER (%)": ("eer", ""),
    "DIR (%)": ("dir", ""),
}
CAPTION = "Trial: face losses at their best rates, 32 epochs from random weights unless said"
TABLE = LOSSES, MEASURES, CAPTION
